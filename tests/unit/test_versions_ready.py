"""When a command makes the environment of a version, and when it leaves all as it is."""

import dataclasses
import sys
from argparse import Namespace

import pytest
from fake_pythons import HERE, checkout, fake_python, made, program

from harness.cli import main, make_parser
from harness.cli import options as shared
from harness.launch.unit import Unit
from harness.studies.grid import run as grid
from harness.system.errors import UserError
from harness.tools.doctor.environment import check_versions
from harness.tools.environments import choose, commands, stamps, versions

NAME = "tf@2.19.1"
NO_NETWORK = (
    "echo 'connection broken by NewConnectionError: Failed to establish a new connection'; exit 1"
)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout with an environment, which runs this."""
    root = checkout(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "prefix", str(root / ".venv"))
    made(root)
    return root


def told(tmp_path):
    """How pip has been called so far."""
    file = tmp_path / "told"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for line in lines if " install " in line]


def parsed(words):
    return make_parser().parse_args(words)


def requirement(root, before, after):
    file = root / "pyproject.toml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


# --------------------------------------------------------------------------------- what is to run


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["compare", "--backends", f"tf,{NAME}"], ("tf", NAME)),
        (["bench", "--aa", NAME], (NAME,)),
        (["bench", "--aa", "tf@~/env"], None),
        (["translate", "run", "in", "--to", "out", "--backend", NAME], (NAME,)),
        (["study", "pool"], ()),
        (["study", "pool", "--report-only", "--backends", NAME], ()),
        (["scaling", "--report-only", "--backends", NAME], ()),
        (["report", "folder"], ()),
        (["list"], ()),
        (["regress", "new", "old"], ()),
        (["verify", "folder"], ()),
        (["export", "run", "--to", "out"], ()),
        (["train", "folder", "--seed", "0", "--backends", NAME], (NAME,)),
    ],
)
def test_which_backends_a_command_runs(words, names):
    found = shared.backends_to_run(parsed(words))
    if names is None:
        assert found[0].startswith("tf@/") and found[0].endswith("/env")
    else:
        assert found == names


def test_a_unit_that_a_launcher_has_started_makes_nothing(tmp_path):
    command = Unit(tmp_path, 0, ("tf", NAME)).command()
    assert shared.backends_to_run(parsed(command[command.index("train") :])) == ()


def test_a_study_of_versions_makes_them_unless_only_its_page_is_wanted(
    root, monkeypatch, tmp_path, capsys
):
    made_ready = []
    monkeypatch.setattr(versions, "ready", lambda names, say: made_ready.append(names))
    monkeypatch.setattr(grid, "make_cells", stop)
    words = ["study", "tensorflow-versions", "--results", str(tmp_path), "--device", "cpu"]
    assert main([*words, "--report-only"]) == 2
    assert "as far as the cells" in capsys.readouterr().err, "though none of them is here"
    assert not made_ready
    assert main(words) == 2
    assert NAME in made_ready[0]


def stop(*_):
    raise UserError("as far as the cells")


# ------------------------------------------------------------------------------------------ ready


def test_without_a_network_it_is_said_in_a_line_and_the_next_time_goes_on(root, tmp_path, capsys):
    fake_python(root / ".venv/bin/python", pip=NO_NETWORK)
    for _ in range(2):
        assert main(["estimate", "--backends", NAME, "--results", str(tmp_path)]) == 2
        *_, last = capsys.readouterr().err.splitlines()
        assert last.startswith(f"cyclebench: .venv-{NAME}: no network")
    folder = root / f".venv-{NAME}"
    assert stamps.read_stamp(folder).state == stamps.BEGUN
    fake_python(folder / "bin/python")
    versions.ready([NAME], print)
    assert stamps.read_stamp(folder).state == stamps.READY


def test_an_interruption_in_the_middle_is_gone_on_from(root, monkeypatch, capsys, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("harness.tools.environments.install.run_pip", interrupted)
        assert main(["estimate", "--backends", NAME, "--results", str(tmp_path)]) == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    versions.ready([NAME], print)
    assert stamps.read_stamp(root / f".venv-{NAME}").state == stamps.READY


def test_quiet_makes_it_without_a_word(root, capsys):
    shared.ready([NAME], Namespace(quiet=True))
    assert capsys.readouterr().err == ""
    versions.remove([NAME])
    shared.ready([NAME], Namespace(quiet=False))
    assert f".venv-{NAME}" in capsys.readouterr().err


def test_names_are_checked_before_anything_is_made(root, tmp_path):
    with pytest.raises(UserError, match="'caffe' is unknown"):
        versions.ready([NAME, "caffe"], print)
    assert not told(tmp_path)


def test_a_second_process_waits_and_finds_it_there(root, tmp_path, monkeypatch):
    locked = commands.locked

    def first_another(*_):
        """It has been made while this one waited for the lock."""
        monkeypatch.setattr(versions, "locked", locked)
        versions.add([NAME], print)
        return locked()

    monkeypatch.setattr(versions, "locked", first_another)
    versions.ready([NAME], print)
    assert len(told(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_said_in_a_line(root, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", str(root / f".venv-{NAME}"))

    monkeypatch.setattr(versions, "install", full)
    with pytest.raises(UserError, match=rf"\.venv-{NAME}: No space left on device"):
        versions.add([NAME], print)


def test_without_a_checkout_the_message_says_what_is_possible(root):
    (root / "pyproject.toml").unlink()
    with pytest.raises(UserError, match="name the Python of one, as tf@/path/to/python"):
        versions.add([NAME], print)


# ----------------------------------------------------------------------------------- up to date?


def test_only_what_a_version_needs_makes_it_out_of_date(root, tmp_path):
    versions.ready([NAME], print)
    folder = root / f".venv-{NAME}"
    # Offline from here on: whatever asks pip fails.
    fake_python(folder / "bin/python", pip=NO_NETWORK)
    requirement(root, '"tensorflow-cpu==', '"tensorflow-cpu==3.')
    requirement(root, "\ntest = [", '\ntest = [\n    "another-test-package==1.0",')
    versions.ready([NAME], print)
    assert not choose.Wanted(root / ".venv", stamps.read_stamp(root / ".venv"), ()).is_ready
    requirement(root, '"pillow==', '"pillow==99.')
    with pytest.raises(UserError, match="no network"):
        versions.ready([NAME], print)


def test_of_a_version_that_was_tried_only_its_file_counts(root, tmp_path):
    file = stamps.pinned_file(NAME, "cpu", "{}.{}".format(*HERE))
    file.parent.mkdir()
    file.write_text("tensorflow-cpu==2.19.1 --hash=sha256:00\n")
    versions.ready([NAME], print)
    requirement(root, '"pillow==', '"pillow==99.')
    versions.ready([NAME], print)
    assert len(told(tmp_path)) == 1
    file.write_text("tensorflow-cpu==2.19.1 --hash=sha256:11\n")
    versions.ready([NAME], print)
    assert len(told(tmp_path)) == 2


def test_for_another_build_it_is_made_anew(root, tmp_path):
    versions.ready([NAME], print)
    folder = root / f".venv-{NAME}"
    (folder / "of-the-build-before").touch()
    stamp = stamps.read_stamp(root / ".venv")
    # That the user has said BUILD=cpu changes nothing here.
    stamps.write_stamp(root / ".venv", dataclasses.replace(stamp, chosen=True))
    versions.ready([NAME], print)
    assert (folder / "of-the-build-before").exists() and len(told(tmp_path)) == 1
    stamps.write_stamp(root / ".venv", dataclasses.replace(stamp, build="cuda"))
    versions.ready([NAME], print)
    assert not (folder / "of-the-build-before").exists()
    assert "tensorflow[and-cuda]==2.19.1" in told(tmp_path)[-1]
    assert stamps.read_stamp(folder).build == "cuda"


def test_what_lies_beside_and_is_no_version_is_left_alone(root, monkeypatch):
    versions.ready([NAME], print)
    stamp = stamps.read_stamp(root / f".venv-{NAME}")
    for strange in ("tf@$(touch x)", "x@1", "tf@2.19.1.removed"):
        program(root / f".venv-{strange}/bin/python", "#!/bin/sh\n")
        stamps.write_stamp(root / f".venv-{strange}", dataclasses.replace(stamp, role=strange))
    assert [one.backend for one in versions.found()] == [NAME]
    monkeypatch.setattr(versions, "_size", lambda _: 1 / 0)
    assert [one.size for one in versions.found(sizes=False)] == [0]
    versions.remove([NAME, NAME])
    assert not (root / f".venv-{NAME}").exists() and (root / ".venv-x@1").exists()


def test_the_doctor_shows_what_is_there_and_what_is_unfinished(root):
    assert list(check_versions()) == []
    versions.ready([NAME], print)
    [check] = check_versions()
    assert (check.name, check.state) == (f"environment of {NAME}", "ok")
    folder = root / f".venv-{NAME}"
    stamp = stamps.read_stamp(folder)
    stamps.write_stamp(folder, dataclasses.replace(stamp, state=stamps.UPDATING))
    [check] = check_versions()
    assert check.state == "warning" and f"cyclebench env add {NAME}" in check.fix
