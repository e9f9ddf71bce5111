import json
import subprocess
import sys
from pathlib import Path

import pytest
import scaling_record

from harness.cli import main, make_parser
from harness.studies.scaling.record import write_record
from harness.system.files import write_json


def stderr_of(capsys, *arguments):
    status = main(arguments)
    err = capsys.readouterr().err.strip()
    return status, err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "nope"], "preset 'nope': unknown"),
        (["--preset", "smoke", "--set", "model.blokcs=1"], "model.blokcs: unknown key"),
        (["--backends", "torch,mxnet"], "backends: 'mxnet' is unknown; any of torch, tf"),
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
    assert "Traceback" not in err and not results.exists()


def test_report_of_something_else_says_what_is_missing(capsys, tmp_path):
    status, err = stderr_of(capsys, "report", str(tmp_path))
    assert status == 2 and "experiment.json" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("seeds", ["a", "0,0", "-1"])
def test_seeds_that_are_none_are_refused(capsys, seeds):
    with pytest.raises(SystemExit, match="2"):
        main(["compare", f"--seeds={seeds}"])
    assert "--seeds" in capsys.readouterr().err


COMMANDS = make_parser()._subparsers._group_actions[0].choices
# What they print is not for scripts to read but for shells.
NO_JSON = {"completion"}
NO_PROGRESS = {
    "completion", "list", "doctor", "models", "parity", "regress", "import", "export-authors",
    "variance", "publish", "env",
}  # fmt: skip


def leaves(parser):
    """The parser, or those of what it divides into."""
    below = parser._subparsers
    return [parser] if below is None else list(below._group_actions[0].choices.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_page_shows_an_example(capsys, command):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"example: cyclebench {command}" in said and "%%" not in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_options_that_all_share(command):
    for parser in leaves(COMMANDS[command]):
        taken = parser._option_string_actions
        assert ("--json" in taken) is (command not in NO_JSON)
        if command not in NO_JSON:
            assert taken["--json"].nargs == 0, "a switch: the document goes to stdout"
        assert {"--quiet", "--verbose"} <= set(taken) or command in NO_PROGRESS


def test_several_settings_in_one_option_are_told_apart():
    given = ["--set", "a.b=1 c.d=[2, 3]  e.f=x y", "--set", "", "--set", "g.h=2"]
    settings = ["a.b=1", "c.d=[2, 3]", "e.f=x y", "g.h=2"]
    assert make_parser().parse_args(["compare", *given]).overrides == settings
    assert make_parser().parse_args(["compare"]).overrides == [], "defaults stay as they are"


def test_unexpected_failures_leave_a_traceback_in_a_log_and_status_1(capsys, tmp_path, monkeypatch):
    def explode(*_):
        raise RuntimeError("boom")

    monkeypatch.setattr("harness.studies.comparison.compare", explode)
    status, err = stderr_of(capsys, "compare", "--results", str(tmp_path))
    assert status == 1
    assert "RuntimeError: boom" in err and "Traceback" not in err
    assert "Traceback" in (tmp_path / "cyclebench.log").read_text()


def test_datasets_list_names_the_built_in_set(capsys):
    assert main(["datasets", "list"]) == 0
    out = capsys.readouterr().out
    assert "seasons" in out and "built in" in out and "summer2winter_yosemite" in out


def one_document(capsys, *arguments):
    """What a command prints on stdout with --json, which must be JSON and nothing else."""
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("schema_version") == 1
    return document


def test_datasets_as_json_say_where_each_is(capsys, own_cache):
    rows = {row["name"]: row for row in one_document(capsys, "datasets", "list")["data_sets"]}
    assert rows["seasons"]["state"] == "built in" and rows["seasons"]["bytes"] is None
    assert rows["horse2zebra"]["state"] == "to download" and rows["horse2zebra"]["bytes"] > 1e8


def test_networks_as_json_are_whole(capsys):
    networks = one_document(capsys, "models", "--preset", "smoke")["networks"]
    for network in networks:
        assert sum(layer["parameters"] for layer in network["layers"]) == network["parameters"]
    assert networks[0]["layers"][0]["output"] == [32, 32, 4]


def test_pages_as_json_say_where_they_are(capsys, tmp_path):
    folder = tmp_path / "scaling"
    write_record(folder / "one.json", scaling_record.record())
    paths = one_document(capsys, "scaling", "--report-only", "--results", str(tmp_path))
    assert paths == {
        "report": str(folder / "report.html"),
        "folder": str(folder),
        "summary": str(folder / "table.csv"),
    }
    assert all(Path(path).exists() for path in paths.values())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["translate", "run", "a.jpg", "b.jpg", "--to", "out"],
         "b.jpg: too many; there is one INPUT (an image, or a folder); see cyclebench translate"),
        (["list", "results", "more"], "more: too many; there is one results ("),
        (["doctor", "now"], "unrecognized arguments: now; see cyclebench doctor --help"),
        (["list", "--al"], "unrecognized arguments: --al; see cyclebench list --help"),
    ],
)  # fmt: skip
def test_one_argument_too_many_is_said_by_its_command(capsys, arguments, says):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    [line] = capsys.readouterr().err.splitlines()
    assert says in line


def test_the_last_lines_of_a_comparison_are_its_answers(capsys, tmp_path, monkeypatch):
    page = tmp_path / "report.html"
    monkeypatch.setattr("harness.studies.comparison.compare", lambda *given: page)
    answers = [
        {"question": "Same results?", "short": "Cannot tell\u00a0yet.", "tone": "open"},
        {"question": "As fast?", "short": "\x1b[31mYes.", "tone": "yes"},
    ]
    write_json(tmp_path / "summary.json", {"answers": answers})
    assert main(["compare"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Report: {page}", "Same results? Cannot tell yet.", "As fast? \\x1b[31mYes."
    ]  # fmt: skip
    assert main(["compare", "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"Report: {page}"]


def test_quiet_leaves_the_last_line_and_verbose_says_more(capsys, tmp_path, monkeypatch):
    def compare(request, display, launch):
        display.say("Preset smoke")
        display.detail("Threads: 2")
        display.update("training", 0, 10)
        return tmp_path / "report.html"

    monkeypatch.setattr("harness.studies.comparison.compare", compare)
    said = {}
    for how in ((), ("--quiet",), ("--verbose",)):
        assert main(["compare", *how]) == 0
        out, said[how] = capsys.readouterr()
        assert out == f"Report: {tmp_path / 'report.html'}\n"
    assert said == {
        (): "Preset smoke\n",
        ("--quiet",): "",
        ("--verbose",): "Preset smoke\nThreads: 2\n",
    }


@pytest.mark.parametrize("command", [["models", "--preset", "smoke"], ["datasets", "list"]])
def test_in_a_pipe_there_are_no_boxes_and_no_colours(capsys, command):
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.replace("\n", "").isprintable()
    assert not any("\u2500" <= character <= "\u257f" for character in out) and "…" not in out


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
