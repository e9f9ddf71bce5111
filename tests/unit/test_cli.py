import subprocess
import sys

import pytest

from harness.cli import main
from harness.cli.options import settings


def stderr_of(capsys, *arguments):
    status = main(arguments)
    err = capsys.readouterr().err.strip()
    return status, err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "nope"], "preset 'nope': unknown"),
        (["--preset", "smoke", "--set", "model.blokcs=1"], "model.blokcs: unknown key"),
        (["--backends", "torch,jax"], "backends: 'jax' is unknown; any of torch, tf"),
        (["--device", "tpu"], "device: 'tpu' is unknown; cpu or cuda"),
        (["--preset", "smoke", "--dataset", "/no/such/place"], "/no/such/place"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, tmp_path, arguments, says):
    results = tmp_path / "results"
    status, err = stderr_of(capsys, "compare", "--results", str(results), *arguments)
    assert status == 2
    last = err.splitlines()[-1]
    assert last.startswith("cyclebench: ") and says in last
    assert "Traceback" not in err
    assert not results.exists()


def test_report_of_something_else_says_what_is_missing(capsys, tmp_path):
    status, err = stderr_of(capsys, "report", str(tmp_path))
    assert status == 2
    assert "experiment.json" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("seeds", ["a", "0,0", "-1"])
def test_seeds_that_are_none_are_refused(capsys, seeds):
    with pytest.raises(SystemExit) as stop:
        main(["compare", f"--seeds={seeds}"])
    assert stop.value.code == 2
    assert "--seeds" in capsys.readouterr().err


COMMANDS = (
    "compare", "study", "report", "datasets", "fetch-weights", "parity", "consistency", "calibrate",
    "bench", "bench-internal", "scaling", "estimate", "models", "verify", "translate", "export",
    "import", "export-authors",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_page_shows_an_example(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"example: cyclebench {command}" in " ".join(capsys.readouterr().out.split())


def test_several_settings_in_one_option_are_told_apart():
    assert settings("a.b=1 c.d=[2, 3]  e.f=x y") == ["a.b=1", "c.d=[2, 3]", "e.f=x y"]
    assert settings("") == []


def test_unexpected_failures_leave_a_traceback_in_a_log_and_status_1(capsys, tmp_path, monkeypatch):
    def explode(*_):
        raise RuntimeError("boom")

    monkeypatch.setattr("harness.compare.compare", explode)
    status, err = stderr_of(capsys, "compare", "--results", str(tmp_path))
    assert status == 1
    assert "RuntimeError: boom" in err and "Traceback" not in err
    assert "Traceback" in (tmp_path / "cyclebench.log").read_text()


def test_datasets_list_names_the_built_in_set(capsys):
    assert main(["datasets", "list"]) == 0
    out = capsys.readouterr().out
    assert "seasons" in out and "built in" in out and "summer2winter_yosemite" in out


def test_help_imports_no_library():
    """It answers at once: nothing is imported before a command needs it."""
    code = (
        "import sys\nfrom harness.cli import main\n"
        "try:\n    main(['compare', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'pydantic', 'rich', 'yaml', 'torch', 'tensorflow'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--dataset" in done.stdout and done.stderr.strip() == "[]"
