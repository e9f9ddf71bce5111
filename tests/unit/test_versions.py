"""Backends of a version, or of a Python: their names, environments, titles, colours, folders."""

import dataclasses
import os
import re
import sys
from pathlib import Path

import pytest
from fake_pythons import HERE, REAL, checkout, fake_python, made
from grid_study import build_grid
from report_experiment import build, pages

import backends
from backends.releases import Releases
from harness.cli import main
from harness.config.backend_names import check_names
from harness.records.experiment import load
from harness.records.run import find_runs
from harness.report.figures import backend_colour
from harness.studies.grid.file import parse_study
from harness.studies.grid.findings import find
from harness.studies.grid.neighbours import find_neighbours, parity_table
from harness.studies.grid.page import make_page
from harness.studies.grid.record import read_record
from harness.studies.parity import write_parity
from harness.system import interpreters
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.tools.environments import choose, extras, install, stamps, versions
from harness.tools.environments.choose import SetupRequest
from harness.training.run_environment import check_packages

FIVE = ("tf@2.17.1", "tf@2.18.1", "tf@2.19.1", "tf@2.20.0", "tf@2.21.0")

# ----------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("tf", True), ("tf@2.20.0", True), ("torch@2.13.0+cu126", True), ("jax@0.10.0rc1", True),
        ("tf@/opt/python", True), ("tf@", False), ("tf@2.20.x", False), ("tf@../x", False),
        ("tf@2.20.0;rm", False), ("TF@2.20.0", False), ("caffe@1.0", False), ("tf@tf@2.20", False),
    ],
)  # fmt: skip
def test_names(name, is_one):
    assert backends.is_name(name) is is_one


def test_older_versions_come_first_and_frameworks_keep_their_order():
    names = ["jax", "tf@2.20.0", "tf@2.9.1", "tf", "unknown", "tf@2.20.0", "torch@/x", "torch"]
    assert backends.ordered(names) == [
        "torch", "torch@/x", "tf", "tf@2.9.1", "tf@2.20.0", "jax", "unknown"
    ]  # fmt: skip


def test_files_are_named_after_them_and_lead_to_no_other_folder():
    assert backends.file_name("tf@2.20.0") == "tf@2.20.0"
    assert backends.file_name("tf@/opt/my env/bin/python") == "tf@opt-my-env-bin-python"
    assert "/" not in backends.file_name("tf@/../../etc/x")


def test_two_that_would_share_a_folder_are_refused():
    with pytest.raises(UserError, match="each backend once"):
        check_names(["tf@/a/b", "tf@/a-b"])
    with pytest.raises(UserError, match="each backend once"):
        check_names(["tf@2.20.0", "tf@2.20.0"])
    with pytest.raises(UserError, match=r"'caffe@2\.20\.0' is unknown"):
        check_names(["caffe@2.20.0"])


def test_a_title_names_the_version_that_ran():
    seen = {"framework": "TensorFlow", "versions": {"numpy": "2.0.0", "tensorflow": "2.20.0"}}
    assert backends.title("tf", seen) == "TensorFlow"
    assert backends.title("tf@2.20.0", seen) == "TensorFlow 2.20.0"
    assert backends.title("tf@/opt/python", seen) == "TensorFlow 2.20.0"
    other = {"framework": "TensorFlow", "versions": {"tensorflow": "2.19.1"}}
    assert backends.titles([("tf", seen), ("tf@2.19.1", other)]) == {
        "tf": "TensorFlow 2.20.0", "tf@2.19.1": "TensorFlow 2.19.1"
    }  # fmt: skip
    assert backends.titles([("tf", seen), ("jax", {"framework": "JAX"})])["tf"] == "TensorFlow"
    assert backends.title("tf@2.20.0", {}) == "tf@2.20.0 2.20.0"
    assert backends.title("mine@1", {"framework": "Mine"}) == "Mine"


def test_versions_on_one_page_have_colours_of_their_own():
    for among in (FIVE, ("torch", *FIVE)):
        assert len({backend_colour(name, among) for name in among}) == len(among)
    assert backend_colour("tf@2.20.0") == backend_colour("tf") == backends.colour("tf")
    # The usual two keep theirs, whoever is beside them.
    assert backend_colour("torch", ("torch", *FIVE)) == backends.colour("torch")


# ----------------------------------------------------------------------------------- interpreters


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout with an environment, which runs this."""
    root = checkout(tmp_path, monkeypatch)
    monkeypatch.setattr(versions, "locked", choose_nothing)
    monkeypatch.setattr(sys, "prefix", str(root / ".venv"))
    made(root)
    return root


class choose_nothing:
    """In place of the lock, which is tested elsewhere."""

    __enter__ = __exit__ = lambda *_: None


def test_the_environment_of_a_version_is_taken_and_else_the_usual_one(root, monkeypatch):
    assert backends.interpreter("tf@2.20.0") == Path(sys.executable)
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TF", "/some/python")
    assert backends.interpreter("tf@2.20.0") == Path("/some/python")
    made(root, ".venv-tf@2.20.0")
    assert backends.interpreter("tf@2.20.0") == root / ".venv-tf@2.20.0/bin/python"
    assert backends.interpreter("tf@/opt/x") == Path("/opt/x")
    assert backends.interpreter(f"tf@{root}") == root / "bin/python"


def test_another_version_than_asked_for_is_refused():
    here = interpreters.packages("tf")["tensorflow"]
    interpreters.check_interpreters([f"tf@{here}"])
    with pytest.raises(UserError, match=rf"has {here}; run `cyclebench env add tf@9\.9\.9`"):
        interpreters.check_interpreters(["tf@9.9.9"])


def test_a_version_too_old_for_the_backend_is_refused(monkeypatch):
    monkeypatch.setattr(backends, "releases", lambda name: Releases("tensorflow", (99, 1)))
    with pytest.raises(UserError, match=r"tf: does not work with tensorflow .*oldest .* is 99\.1"):
        interpreters.check_interpreters(["tf"])
    assert not Releases("tensorflow", (2, 17)).check("2.100.1")
    assert Releases("tensorflow", (2, 17)).check("2.16.2+cpu")


# ---------------------------------------------------------------------------------- environments


@pytest.mark.parametrize(
    ("name", "build", "framework"),
    [
        ("tf@2.19.1", "cpu", "tensorflow-cpu==2.19.1"),
        ("tf@2.19.1", "cuda", "tensorflow[and-cuda]==2.19.1"),
        ("torch@2.14.1", "cuda", "torch==2.14.1"),
        ("torch@2.14.1", "cuda12", "torch==2.14.1+cu126"),
        ("torch@2.14.1+cu128", "cuda12", "torch==2.14.1+cu128"),
        ("jax@0.9.1", "cuda", "jax[cuda13]==0.9.1"),
    ],
)
def test_what_pip_is_to_install(name, build, framework):
    first, numpy, *others = extras.of_version(name, build)
    assert first == framework
    assert numpy.startswith("numpy<=")
    assert not any("keras" in text or text.startswith("numpy") for text in others)
    assert {"pillow", "pydantic", "safetensors"} <= set(extras.names_in(others))


def test_the_version_that_make_setup_installs_needs_no_environment_of_its_own(root):
    pinned = extras.pinned("jax", "cpu")
    assert extras.plain(f"jax@{pinned}", "cpu") == "jax"
    assert extras.plain("jax@0.0.1", "cpu") == "jax@0.0.1"
    stamp = dataclasses.replace(stamps.new_stamp("harness", HERE), build="cpu")
    base = root / ".venv"
    [wanted] = choose.wanted(base, stamp, SetupRequest(backends=(f"jax@{pinned}",)))
    assert "jax" in wanted.extras
    [wanted] = choose.wanted(base, stamp, SetupRequest(backends=("jax@0.0.1",)))
    assert "jax" not in wanted.extras


def test_a_version_that_was_tried_is_installed_from_pinned_packages(root):
    stamp = dataclasses.replace(stamps.new_stamp("harness", HERE), build="cpu")
    wanted = choose.for_version(root / ".venv-tf@2.19.1", stamp, "tf@2.19.1")
    assert install.what(wanted, HERE)[0] == "tensorflow-cpu==2.19.1"
    python = "{}.{}".format(*HERE)
    file = root / "environments" / f"tf@2.19.1-cpu-{os.uname().machine}-py{python}.txt"
    file.parent.mkdir()
    file.touch()
    assert install.what(wanted, HERE) == ["--require-hashes", "--requirement", str(file)]
    assert install.what(wanted, (3, 99))[0] == "tensorflow-cpu==2.19.1"


def test_they_are_made_once_listed_and_removed(root, tmp_path, capsys):
    said = []
    versions.ready(["tf", "tf@2.19.1"], said.append)
    told = (tmp_path / "told").read_text().splitlines()
    [venv, pip] = [line for line in told if "tf@2.19.1" in line or " install " in line]
    assert venv.endswith(str(root / ".venv-tf@2.19.1")) and "tensorflow-cpu==2.19.1" in pip
    versions.ready(["tf@2.19.1"], said.append)
    assert (tmp_path / "told").read_text().splitlines() == told, "it is there"
    assert [one.backend for one in versions.found()] == ["tf@2.19.1"]
    assert main(["env", "list", "--json"]) == 0 and '"tf@2.19.1"' in capsys.readouterr().out
    (root / ".venv-mine@1").mkdir()
    assert [one.backend for one in versions.found()] == ["tf@2.19.1"], "one of somebody else's"
    with pytest.raises(UserError, match=r"mine@1: there is no environment for it; .*tf@2\.19\.1"):
        versions.remove(["tf@2.19.1", "mine@1"])
    assert main(["env", "remove", "tf@2.19.1"]) == 0
    assert not (root / ".venv-tf@2.19.1").exists() and (root / ".venv-mine@1").exists()


def test_an_unfinished_one_is_gone_on_with(root, tmp_path):
    versions.add(["tf@2.19.1"], print)
    folder = root / ".venv-tf@2.19.1"
    stamp = stamps.read_stamp(folder)
    stamps.write_stamp(folder, dataclasses.replace(stamp, state=stamps.BEGUN))
    versions.ready(["tf@2.19.1"], print)
    assert stamps.read_stamp(folder).state == stamps.READY


def test_a_python_that_the_version_has_wheels_for_is_looked_for(root, monkeypatch, tmp_path):
    newer = (HERE[0], HERE[1] + 1)
    known = Releases("tensorflow", (2, 17), {(2, 19): (newer, newer)})
    monkeypatch.setattr(backends, "releases", lambda name: known)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=rf"this is 3\.{HERE[1]}; install .*python3\.{newer[1]}"):
        versions.add(["tf@2.19.1"], print)
    assert not (root / ".venv-tf@2.19.1").exists()
    there = fake_python(tmp_path / f"python3.{newer[1]}", newer)
    there.rename(tmp_path / f"python3.{newer[1]}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    versions.add(["tf@2.19.1"], print)
    assert stamps.read_stamp(root / ".venv-tf@2.19.1").python == "{}.{}".format(*newer)


def test_what_is_no_version_is_refused_in_a_line(root, capsys):
    assert main(["env", "add", "tf"]) == 2
    assert "torch@VERSION, tf@VERSION" in capsys.readouterr().err
    assert main(["env", "add", "tf@2.15.1"]) == 2
    assert "the oldest that works is 2.16" in capsys.readouterr().err
    assert not list(root.glob(".venv-tf*"))


# --------------------------------------------------------------------------- records and reports


def test_a_report_of_two_versions(tmp_path):
    folder = build(tmp_path / "results", (0, 1, 2), backends=("tf@2.19.1", "tf@/opt/python"))
    runs = {run.folder.name for run in find_runs(folder)}
    assert "tf@2.19.1-seed0" in runs and "tf@opt-python-seed2" in runs
    experiment = load(folder)
    assert experiment.title("tf@2.19.1") == "TensorFlow 2.19.1"
    assert experiment.title("tf@/opt/python") == "TensorFlow 9.9.9"
    html, markdown = pages(folder)
    assert "TensorFlow 2.19.1" in html and "TensorFlow 9.9.9" in markdown


def test_order_of_versions_in_a_folder_is_that_of_numbers(tmp_path):
    folder = build(tmp_path / "results", backends=("tf@2.9.1", "tf@2.20.0"))
    experiment = load(folder)
    assert [name for name in experiment.backends if "@" in name] == ["tf@2.9.1", "tf@2.20.0"]


def test_a_run_in_a_python_that_has_changed_is_not_reused(tmp_path, monkeypatch):
    folder = build(tmp_path / "results", backends=("tf@/opt/python",))
    [run] = find_runs(folder)
    monkeypatch.setattr(interpreters, "packages", lambda name: {"tensorflow": "2.21.0"})
    check_packages(run)  # older records do not say
    environment = {**run.environment, "packages": {"tensorflow": "2.20.0"}}
    write_json(run.folder / "environment.json", environment)
    [run] = find_runs(folder)
    with pytest.raises(UserError, match=r"trained with tensorflow 2\.20\.0 \(now 2\.21\.0\)"):
        check_packages(run)
    monkeypatch.setattr(interpreters, "packages", lambda name: {"tensorflow": "2.20.0"})
    check_packages(run)


VERSIONS = """
description: What versions change
preset: smoke
grid: {backend: [torch, tf]}
"""


def test_an_axis_of_backends_is_what_every_cell_is_trained_with(tmp_path):
    file = parse_study(VERSIONS, "versions.yaml")
    assert file.backends == ("torch", "tf") and file.parity
    assert [axis.key for axis in file.axes] == ["preset"]
    more = parse_study(VERSIONS.replace("tf]", "tf], model.blocks: [0, 2]"), "versions.yaml")
    assert [axis.key for axis in more.axes] == ["model.blocks"]
    with pytest.raises(UserError, match="the grid names them"):
        parse_study(VERSIONS + "backends: [torch]\n", "versions.yaml")
    with pytest.raises(UserError, match="unknown"):
        parse_study(VERSIONS.replace("tf]", "caffe]"), "versions.yaml")


def test_the_page_of_versions_says_where_neighbours_are_apart(tmp_path):
    folder = build_grid(tmp_path, VERSIONS)
    row = {"what": "tf, end: x", "tolerance": 1e-12, "arithmetic": "float64", "passed": True}
    rows = [
        {**row, "check": "01 first", "measured": 5e-13},
        {**row, "check": "02 second", "measured": 0.0},
        {**row, "check": "01 first", "measured": 1.0, "arithmetic": "float32"},
        # Against NumPy: of both.
        {**row, "check": "02 second", "measured": 1.0, "what": "torch, by hand: y"},
        {**row, "check": "02 second", "measured": 2.0, "what": "tf, by hand: z"},
    ]
    scale = {"filters": 1, "discriminator_filters": 1, "crop_size": [8, 8], "pool_size": 1,
             "batch_size": 1}  # fmt: skip
    climbed = {"backends": ["torch", "tf"], "frameworks": {"torch": "PyTorch", "tf": "TensorFlow"},
               "device": "cpu", "device_name": "x", "digest": "y", "checked": scale,
               "trained": scale, "seconds": 1.0, "rows": rows}  # fmt: skip
    write_parity(tmp_path / "cell-0", climbed)
    findings = find(read_record(folder))
    [found] = find_neighbours(findings, findings.cells[0])
    assert found.apart == 3 and found.losses > 0, "two backends, three seeds"
    table = parity_table([found])
    texts = [[(cell.text, cell.detail) for cell in line] for line in table.rows]
    assert texts[0][1] == ("5 of 5 pass", "")
    assert texts[1][1] == ("5.0e-13", "0.5 of its tolerance"), "in float64, not in float32"
    assert texts[2][1] == ("0", "0 of its tolerance")
    page = make_page(findings)
    assert "Each against the one before it" in [section.title for section in page.sections]
    function, times, *_ = page.answers
    assert (function.short, function.tone) == ("Yes: all of 5 checks pass.", "yes")
    assert function.sentences[0].text.startswith("rounded in another way")
    assert times.short.startswith("No: TensorFlow takes 1.3") and times.tone == "no"
    failing = [{**rows[0], "passed": False}, *rows[1:]]
    write_parity(tmp_path / "cell-0", {**climbed, "rows": failing})
    function, *_ = make_page(find(read_record(folder))).answers
    assert function.short == "No: checks fail between PyTorch and TensorFlow."
    plain = make_page(find(read_record(build_grid(tmp_path / "other"))))
    assert "Each against the one before it" not in [section.title for section in plain.sections]


def test_a_pair_with_the_same_bits_is_told(tmp_path):
    folder = build_grid(tmp_path, VERSIONS)
    for run in find_runs(tmp_path / "cell-0"):
        if run.backend == "tf":
            other = run.folder.with_name(run.folder.name.replace("tf", "torch"))
            (run.folder / "losses.csv").write_bytes((other / "losses.csv").read_bytes())
    function, *_ = make_page(find(read_record(folder))).answers
    assert function.short == "Not known: 1 of 1 not checked; the same bits in 1 pair of 1."
    assert "the same bits in all of" in function.sentences[0].text


def test_pinned_files_are_whole():
    """pip asks for a checksum of everything, also of what `pip freeze` leaves out."""
    files = sorted((REAL / "environments").glob("*.txt"))
    assert files
    for file in files:
        of_line = re.compile(r"(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}")
        found = [of_line.fullmatch(line) for line in file.read_text().splitlines()]
        pinned = {one[1].replace("_", "-"): one[2] for one in found}
        name, build = file.name.split("-")[:2]
        left_out = {"setuptools", "wheel"} if name.startswith("tf@") else {"setuptools"}
        assert {*left_out, "numpy", "pydantic"} <= pinned.keys() and "pip" not in pinned
        framework = extras.names_in(extras.of_version(name, build))[0]
        assert pinned[framework] == backends.version(name), file.name
