"""Names as `tf@2.20.0` and `tf@/path/to/python` wherever a name goes: files, titles, records of
strangers, who may write any name and must have nothing run by it."""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import bench_records
import pytest
import scaling_record
from fake_pythons import program
from losing_backend import Losing, begin
from report_experiment import build, editing, pages
from rich.console import Console
from test_consistency_divergence import chain
from test_gpu_check import ENVIRONMENT, GOOD
from trained_run import TINY, write_run

import backends
from harness.config.backend_names import check_names, check_recorded
from harness.config.load import load_experiment
from harness.launch import launch as launching
from harness.launch.unit import Unit
from harness.records.run import RunRecord, find_runs
from harness.report.render import page_html
from harness.studies.consistency import launch
from harness.studies.estimate.check import read_recorded
from harness.studies.gpu_check.page import make_page as gpu_page
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.ladder import climb
from harness.studies.parity.parity_check import ParityCheck, Rung
from harness.studies.parity.tolerances import EXACT
from harness.studies.scaling import findings as scaling
from harness.studies.timing.findings import find
from harness.system import interpreters, provenance
from harness.system.errors import UserError
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.tools.trained_model import read_model
from harness.tools.translate.generator import choose_backend
from harness.tools.verify import VerifyRequest, verify
from harness.training import timed_session, timed_worker
from harness.training.run_environment import check_same

verifying = import_module("harness.tools.verify.verify")
CPU = Machine("cpu", "cpu-example", 2)
HERE = interpreters.packages("tf")["tensorflow"]  # the version that this Python has
PYTHON = f"tf@{sys.executable}"


# ------------------------------------------------------------------------------------ names, files


@pytest.mark.parametrize(
    "name",
    ["tf@" + "1." * 40 + "1", "tf@\uff12.20", "tf@" + "9" * 5000, "tf@2.20\n", "../tf@2.20.0"],
)
def test_what_is_no_version(name):
    assert backends.version(name) is None or not backends.is_name(name)
    with pytest.raises(UserError, match="is unknown") as raised:
        check_names([name])
    assert len(str(raised.value)) < 300


def test_no_name_is_too_long_for_a_file_and_two_paths_stay_two():
    long, other = (f"tf@/{first}/{'deep/' * 900}python" for first in "ab")
    assert backends.own_python(long) == Path(long[3:])  # no OSError of the file system
    assert max(len(backends.file_name(name)) for name in (long, other)) < 100
    assert backends.file_name(long) != backends.file_name(other)
    assert backends.ordered(["tf@" + "9" * 5000, "tf"])[0] == "tf"


def test_logs_and_samples_of_a_path_lie_in_the_folder(tmp_path, monkeypatch):
    logs = []

    class Child:
        def __init__(self, module, name, log, *rest, **more):
            self.begin = {}
            logs.append(log)

        def close(self):
            pass

    names = [*(f"tf@/opt/{letter}/python" for letter in "abcdefghi"), "torch"]
    monkeypatch.setattr(timed_session, "Child", Child)
    experiment = load_experiment(None, "smoke", list(TINY))
    with timed_session.timed_session(experiment, CPU, names, tmp_path, "a, b"):
        pass
    assert len(set(logs)) == 10 and {log.parent for log in logs} == {tmp_path}
    assert tmp_path / "a-b-A-tf@opt-a-python.txt" in logs
    stopwatch = object.__new__(timed_worker.Stopwatch)
    stopwatch.file_name = backends.file_name(names[0])
    stopwatch.backend = type("B", (), {"state": lambda self: {}})()
    monkeypatch.setattr(timed_worker, "write_arrays", lambda path, _: logs.append(path))
    monkeypatch.setattr(timed_worker, "write_sums", logs.append)
    stopwatch.save(tmp_path)
    assert logs[-1] == tmp_path / "tf@opt-a-python"


def test_a_trajectory_of_a_path_lies_in_the_folder(tmp_path, monkeypatch):
    class Child:
        def __init__(self, module, name, log, *rest):
            self.log = log

        def events(self, **command):
            yield {"environment": {"log": str(self.log)}}

        def close(self):
            pass

    monkeypatch.setattr(launch, "Child", Child)
    [planned] = chain(tmp_path)[:1]
    launch.run([replace(planned, backend="tf@/opt/x")], tmp_path, lambda *_: None)
    assert [file.parent.name for file in tmp_path.rglob("environment-*")] == ["tf@opt-x"]
    setting = launch.TrajectorySetting(tmp_path, None, None, 1, "cpu", 1)
    table = setting.table("tf@/opt/y", "ulp-0", ("tf@/opt/x", "reference"))
    assert table == tmp_path / "tf@opt-y" / "ulp-0-against-tf@opt-x-reference.csv"


def test_a_run_of_another_python_whose_folder_has_the_same_name_is_refused(tmp_path):
    folder = build(tmp_path, backends=("tf@/opt/my/env",))
    [run] = find_runs(folder)
    check_same(run, "tf@/opt/my/env")
    check_same(RunRecord(tmp_path / "nothing"), "tf@/opt/my/env")
    with pytest.raises(UserError, match=r"a run of 'tf@/opt/my/env', not of 'tf@/opt/my-env'"):
        check_same(run, "tf@/opt/my-env")
    unit = Unit(folder, 0, ("tf@/opt/my-env",))
    with pytest.raises(UserError, match="not of 'tf@/opt/my-env'"):
        launching._complete(unit, CPU)


def test_a_run_records_the_packages_of_the_python_that_it_runs_in(tmp_path, monkeypatch):
    elsewhere = program(tmp_path / "elsewhere", "#!/bin/sh\nexit 1\n")
    for name in ("torch", "tf"):
        monkeypatch.setenv(backends.interpreter_variable(name), str(elsewhere))
    monkeypatch.setattr(backends, "load", Losing)
    run = begin(tmp_path)
    assert "numpy" in run.record.environment["packages"]
    assert interpreters.packages_here(f"tf@{HERE}")["tensorflow"] == HERE


def test_what_is_in_a_python_of_its_own_decides_what_is_measured_anew(monkeypatch):
    plain = provenance.deciding_packages()
    assert provenance.deciding_packages(("torch", "tf")) == plain
    assert provenance.deciding_packages((PYTHON,))[PYTHON]["tensorflow"] == HERE


# ----------------------------------------------------------------------------------------- titles


def test_two_pythons_with_one_version_can_be_told_apart_on_every_page():
    names = ("tf@/opt/a", "tf@/opt/b", "torch")
    seen = {"framework": "TensorFlow", "versions": {"tensorflow": "2.20.0"}}
    first, second, torch = backends.distinct(
        (name, backends.title(name, seen if "tf" in name else {"framework": "PyTorch"}))
        for name in names
    ).values()
    assert (first, torch) == ("TensorFlow 2.20.0 (tf@/opt/a)", "PyTorch") and second != first
    record = bench_records.several(1.2)
    starts = tuple(
        replace(
            start,
            first=replace(start.first, backend=names[0], environment=seen),
            second=replace(start.second, backend=names[1], environment=seen),
        )
        for start in record.starts
    )
    record = replace(record, starts=starts)
    assert record.names == (first, second)
    assert [side.framework for side in find({"a.json": record}).results[0].sides] == [first, second]
    against_itself = bench_records.several(1.0, names=("tf", "tf"))
    assert against_itself.names == ("TensorFlow", "TensorFlow")
    same = scaling_record.record()
    points = tuple(
        point.model_copy(
            update={"sides": tuple(s.model_copy(update={"framework": "X"}) for s in point.sides)}
        )
        for point in same.points
    )
    found = scaling.find(same.model_copy(update={"points": points}))
    assert found.titles == {"torch": "X (torch)", "tf": "X (tf)"}
    started = [replace(GOOD.started[0], backend=f"torch@/opt/{each}") for each in "ab"]
    html = page_html(gpu_page(replace(GOOD, started=tuple(started))), {})
    assert "PyTorch 2.13.0 (torch@/opt/a)" in html and "(torch@/opt/b)" in html
    assert ENVIRONMENT["framework"] == "PyTorch"


@pytest.mark.parametrize("versions", [["tensorflow"], "tensorflow", {"tensorflow": ["x" * 9999]}])
def test_versions_in_a_record_that_are_none_are_shown_in_short(versions):
    seen = {"framework": "F", "versions": versions}
    assert len(backends.title("tf@2.20.0", seen)) <= len("F ") + backends.LONGEST


# --------------------------------------------------------------------------- records of strangers


@pytest.mark.parametrize("name", ["tf@<script>alert(1)</script>", "tf@2\x1b[2J", "x@$(id)", "tf@"])
def test_any_name_in_a_record_is_shown_and_nothing_more(tmp_path, name):
    folder = build(tmp_path / "results")
    [run] = [run for run in find_runs(folder) if run.backend == "tf"]
    below = run.folder.with_name(f"{name.replace('/', '')}-seed0")
    run.folder.rename(below)
    with editing(below / "status.json") as status:
        status["backend"] = name.replace("/", "")
    html, _ = pages(folder)
    assert "<script>alert(1)" not in html
    with editing(below / "status.json") as status:
        status["backend"] = f"{name}/../../x"
    with pytest.raises(UserError, match="call the run's folder that"):
        find_runs(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


@pytest.fixture
def marked(tmp_path):
    """A Python that a record names, and the file that is there once it has run."""
    mark = tmp_path / "was-run"
    python = program(tmp_path / "evil", f'#!/bin/sh\ntouch "{mark}"\nexit 1\n')
    return f"tf@{python}", mark


def test_a_python_that_a_record_names_runs_only_if_the_user_names_it(marked):
    name, mark = marked
    with pytest.raises(UserError, match="only run if you name it: add --backends tf@/"):
        check_recorded([name], ())
    assert not mark.exists()
    with pytest.raises(UserError, match="does not work"):
        check_recorded([name], [name])
    assert mark.exists()
    check_recorded(["tf", f"tf@{HERE}"], ())


def test_verify_replays_in_no_python_that_only_the_record_names(tmp_path, marked, monkeypatch):
    name, mark = marked
    folder = build(tmp_path / "results", backends=(name, "tf@9.9.9"))
    replayed = []
    monkeypatch.setattr(verifying, "replay", lambda run, *rest: replayed.append(run.backend))
    answers = replays(folder, monkeypatch)
    assert not mark.exists() and not replayed
    assert "only run if you name it" in answers[name]
    assert "run `cyclebench env add tf@9.9.9`" in answers["tf@9.9.9"]


def replays(folder, monkeypatch):
    """What `verify` notes of replays, of records whose experiment and data are in order."""
    runs = tuple(find_runs(folder))

    class Recorded:
        experiment = manifest = None

        def plan(self, seed):
            return None

    recorded = Recorded()
    recorded.runs, recorded.folder = runs, folder
    fine = verifying.ok("")
    monkeypatch.setattr(verifying, "read_recorded", lambda path: recorded)
    for check in ("configuration", "files", "losses", "blocks", "evaluations", "weights"):
        monkeypatch.setattr(verifying, f"check_{check}", lambda *_: fine)
    monkeypatch.setattr(verifying, "_find_data", lambda *_: None)
    monkeypatch.setattr(verifying, "_check_data", lambda *_: fine)
    monkeypatch.setattr(verifying, "decoded_images", lambda *_: {})
    monkeypatch.setattr(verifying, "image_files", lambda _: {})
    found = verify(VerifyRequest(folder), Display(Console(quiet=True)))
    names = {f"{run.device}/{run.folder.name}": run.backend for run in runs}
    return {names[row.run]: row.note for row in found.rows if row.check == "replay"}


def test_an_estimate_is_checked_in_no_python_that_only_the_record_names(tmp_path, marked):
    name, mark = marked
    folder = build(tmp_path / "results", backends=(name,))
    [run] = find_runs(folder)
    machine = replace(CPU, device_name=run.environment["device"])
    with pytest.raises(UserError, match="only run if you name it"):
        read_recorded(folder, machine)
    assert not mark.exists()


def test_a_model_is_translated_by_the_version_that_trained_it_or_else_its_framework(
    tmp_path, marked
):
    name, mark = marked
    write_run(tmp_path / "run", "tf")
    trained = read_model(tmp_path / "run")
    assert choose_backend(replace(trained, backend=f"tf@{HERE}"), None) == f"tf@{HERE}"
    assert choose_backend(replace(trained, backend="tf@9.9.9"), None) == "tf"
    assert choose_backend(replace(trained, backend=name), None) == "tf"
    assert choose_backend(replace(trained, backend="x@/bin/sh"), None) == "torch"
    assert choose_backend(replace(trained, backend=name), PYTHON) == PYTHON
    assert not mark.exists()


# ------------------------------------------------------------------------------------------ parity


def test_a_row_names_the_backend_that_raised():
    def measure(cache, name):
        if name == "tf@2.17.1":
            raise ValueError("no such layer")
        return {("group", "detail"): 0.0}

    def given(cache, name):
        return cache.once(measure, cache.names[0])

    class Case:
        quick = False

    checks = [
        ParityCheck(Rung.PARAMETERS, measure, EXACT),
        ParityCheck(Rung.EXCHANGE, measure, EXACT, given),
    ]
    cache = BackendCache(Case(), ("tf@2.17.1", "tf@2.20.0"))
    first, own, other = climb(cache, checks)
    assert first.what == own.what == other.what == "tf@2.17.1: ValueError: no such layer"
