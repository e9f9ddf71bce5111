"""Folders of one experiment as one: what is counted together, what apart, what is left alone."""

import shutil

import numpy as np
import pytest
import report_experiment
from report_experiment import build, write_run

from harness.cli import main
from harness.metrics import evaluate as evaluate_module
from harness.records.experiment import load
from harness.records.run import find_runs
from harness.report import comparison
from harness.report.comparison.data_files import summary
from harness.report.comparison.environment import warnings
from harness.report.comparison.findings import find
from harness.report.comparison.scores import metric_rows
from harness.report.comparison.timing import timing_rows
from harness.report.comparison.verdict import scope
from harness.system.checksums import sha256, write_sums
from harness.system.errors import UserError
from harness.system.files import (
    read_arrays,
    read_json,
    read_table,
    write_arrays,
    write_json,
    write_table,
)
from harness.tools.merge import default_folder, merge, read_sources
from harness.tools.merge import folder as folder_module

CPU, GPU = "cpu-example", "gpu-example"


@pytest.fixture
def few_features(monkeypatch):
    """Sixteen numbers an image, in no time."""

    def cheap(sets, extractor, cache, report, weights=None):
        return {name: array.reshape(len(array), -1)[:, :16] / 64.0 for name, array in sets.items()}

    monkeypatch.setattr(evaluate_module, "features", cheap)
    monkeypatch.setattr(evaluate_module, "find_weights", lambda: None)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """All runs that the tests take some of, with few and small images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_experiment, "TEST_IMAGES", 6)
        folder = tmp_path_factory.mktemp("template")
        return build(folder, (0, 1, 2), (CPU, GPU), size=16, paired=False)


@pytest.fixture
def make(tmp_path, template):
    """A folder of the experiment that has the runs of these seeds."""

    def make(name, *seeds, device=CPU):
        no_runs = shutil.ignore_patterns("runs")
        folder = shutil.copytree(template, tmp_path / name, ignore=no_runs)
        for run in (f"{backend}-seed{seed}" for backend in ("torch", "tf") for seed in seeds):
            shutil.copytree(template / "runs" / device / run, folder / "runs" / device / run)
        return folder

    return make


def merged(to, *folders):
    with merge(read_sources(folders), to):
        pass
    return to


def names(folder):
    return [f"{run.device}/{run.folder.name}" for run in find_runs(folder)]


def retrained(folder, seed):
    """The same runs on another day: not a bit of timing is the same."""
    for backend in ("torch", "tf"):
        path = folder / f"runs/{CPU}/{backend}-seed{seed}/blocks.csv"
        table = read_table(path)
        write_table(path, table.assign(train_seconds=1.07 * table["train_seconds"]))
    return folder


def with_environment(folder, **changed):
    for path in folder.glob("runs/*/*/environment.json"):
        write_json(path, {**read_json(path), **changed})
    return folder


def summarised(folder):
    """Content of summary.json."""
    experiment = load(folder)
    return summary(experiment, find(experiment))


def everything(folder):
    return {
        file: (sha256(file), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_two_comparisons_merged_report_what_one_with_all_seeds_reports(
    make, tmp_path, few_features, monkeypatch
):
    whole, some, others = make("whole", 0, 1, 2), make("some", 0), make("others", 2, 1)
    before = everything(some) | everything(others)
    evaluate_module.evaluate(whole, lambda *done: None)
    # Drawing the report takes long; what it draws is compared below.
    reported = []
    monkeypatch.setattr(comparison, "write_report", lambda to: reported.append(to.name) or to)
    assert main(["report", str(some), str(others), "--to", str(tmp_path / "merged")]) == 0
    assert reported == ["merged"]
    assert everything(some) | everything(others) == before
    assert read_json(tmp_path / "merged/metrics.json") == read_json(whole / "metrics.json")
    assert summarised(tmp_path / "merged") == summarised(whole)
    rows = [row for row in metric_rows(load(tmp_path / "merged")) if len(row.scores) == 2]
    assert rows and {row.seeds for row in rows} == {3}
    assert all(row.difference.low is not None for row in rows)


def test_a_merge_takes_the_place_of_another_with_its_report(
    make, tmp_path, few_features, monkeypatch
):
    """One that is killed before its report is there leaves the other."""
    some, others, to = make("some", 0), make("others", 1), tmp_path / "M"
    arguments = ["report", str(some), str(others), "--to", str(to), "--quiet"]

    def page(folder):
        write_json(folder / "report.html", {})
        return folder / "report.html"

    def interrupted(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "write_report", page)
    assert main(arguments) == 0
    before = everything(to)
    assert {to / "report.html", to / "metrics.json"} < before.keys()
    monkeypatch.setattr(comparison, "write_report", interrupted)
    assert main(arguments) == 130
    assert everything(to) == before and not list(tmp_path.glob(".M.*"))
    (tmp_path / ".M.abc.partial").mkdir()
    to.rename(tmp_path / ".M.abc.partial" / ".old")
    assert main(arguments) == 130
    assert everything(to) == before and not list(tmp_path.glob(".M.*"))


def test_a_run_that_two_folders_hold_is_taken_once(make, tmp_path):
    first, second = make("a", 0, 1), make("b", 1, 2)  # seed 1 is the same in both
    to = merged(tmp_path / "to", first, second)
    assert names(to) == [f"{CPU}/{b}-seed{s}" for b in ("tf", "torch") for s in (0, 1, 2)]
    rows = {row["run"]: row["sources"] for row in read_json(to / "merged.json")["runs"]}
    assert rows[f"{CPU}/torch-seed0"] == [0]
    assert rows[f"{CPU}/torch-seed1"] == [0, 1]
    assert rows[f"{CPU}/torch-seed2"] == [1]


def test_sums_tell_runs_apart(make, tmp_path):
    first, second = make("a", 0), retrained(make("b", 0), 0)
    for folder in (first, second):
        for run in find_runs(folder):
            write_sums(run.folder)
    assert len(names(merged(tmp_path / "to", first, second))) == 4
    shutil.copytree(first, tmp_path / "copy")
    assert len(names(merged(tmp_path / "to2", first, tmp_path / "copy"))) == 2


def test_a_seed_trained_twice_is_a_row_of_its_own_and_never_two_seeds(make, tmp_path, few_features):
    first, again = make("a", 0, 1), retrained(make("b", 1, 2), 1)
    to = tmp_path / "to"
    evaluate_module.evaluate(merged(to, first, again), lambda *done: None)
    assert {n for n in names(to) if "@" in n} == {f"{CPU}@2/tf-seed1", f"{CPU}@2/torch-seed1"}
    experiment = load(to)
    seeds = {row.device: row.seeds for row in metric_rows(experiment)}
    assert seeds == {CPU: 3, f"{CPU}@2": 1}
    steps = [row for row in timing_rows(experiment) if row.quantity == "step_ms_median"]
    assert [row.device for row in steps] == [CPU, f"{CPU}@2"]
    assert [row.pairs for row in steps] == [3 * 18, 18]
    text = scope(experiment)
    assert "3 seeds on" in text and "1 seed on" in text and "Merged from 2 folders" in text


def test_runs_of_other_code_are_never_counted_together(make, tmp_path):
    old = with_environment(make("a", 0, 1), source_digest="1" * 64)
    new = with_environment(make("b", 2), source_digest="2" * 64, versions={"torch": "3.0"})
    to = merged(tmp_path / "to", old, new)
    assert {run.device: run.seed for run in find_runs(to)} == {CPU: 1, f"{CPU}@2": 2}
    text = " ".join(warnings(load(to)))
    assert "source digest differs" in text and "1" * 64 in text and "2" * 64 in text
    assert "version of torch differs: 2.13.0" in text


def test_backends_that_were_not_timed_in_turns_are_not_paired(make, tmp_path):
    """Two halves of a session, and a session that one of the folders has lost a half of."""
    torch, tf = make("a", 0), make("b", 0)
    shutil.rmtree(torch / f"runs/{CPU}/tf-seed0")
    shutil.rmtree(tf / f"runs/{CPU}/torch-seed0")
    to = merged(tmp_path / "to", torch, tf)
    assert names(to) == [f"{CPU}/torch-seed0", f"{CPU}@2/tf-seed0"]
    to = merged(tmp_path / "to2", torch, make("whole", 0))
    assert names(to) == [f"{CPU}/tf-seed0", f"{CPU}/torch-seed0"]


def test_machines_are_devices_and_merges_can_be_merged(make, tmp_path):
    a, b = make("a", 0), retrained(make("b", 0), 0)
    gpu = make("gpu", 0, device=GPU)
    at_once = merged(tmp_path / "at-once", a, b, gpu)
    in_turn = merged(tmp_path / "in-turn", merged(tmp_path / "two", a, b), gpu)
    assert names(at_once) == names(in_turn)
    assert {run.device for run in find_runs(at_once)} == {CPU, f"{CPU}@2", GPU}


def test_unfinished_runs_are_listed_and_checkpoints_stay_where_they_are(make, tmp_path):
    a, b = make("a", 0), make("b", 1)
    run = write_run(b, CPU, "torch", 2, state="interrupted")
    (run / "checkpoint-00000100.safetensors").write_bytes(b"x")
    experiment = load(merged(tmp_path / "to", a, b))
    (listed,) = experiment.unfinished
    assert listed.folder.name == "torch-seed2" and listed.status["step"] == 100
    assert not list(listed.folder.glob("checkpoint-*")) and len(listed.losses) == 100


@pytest.mark.parametrize("links", [True, False])
def test_what_is_written_in_place_is_a_copy_and_the_rest_a_link(make, tmp_path, monkeypatch, links):
    """Where the file system has no links, all are copies."""

    def refuse(*names):
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr(folder_module.os, "link", refuse)
    a, b = make("a", 0), make("b", 1)
    run = f"runs/{CPU}/torch-seed0"
    (a / run / "log.txt").write_text("one\n")
    to = merged(tmp_path / "to", a, b)
    with (to / run / "log.txt").open("a") as log:
        log.write("two\n")
    assert (a / run / "log.txt").read_text() == "one\n"
    assert not (to / run / "status.json").samefile(a / run / "status.json")
    losses, source = to / run / "losses.csv", a / run / "losses.csv"
    assert losses.samefile(source) == links and sha256(losses) == sha256(source)


def test_a_rerun_makes_the_same_and_keeps_features(make, tmp_path):
    a, b, c = make("a", 0), make("b", 1), make("c", 2)
    (b / "features").mkdir()
    (b / "features/known.safetensors").write_bytes(b"known")
    to = merged(tmp_path / "to", a, b)
    first = read_json(to / "merged.json")
    (to / "features/new.safetensors").write_bytes(b"new")
    (to / "report.html").write_text("of before")
    merged(to, a, b)
    assert read_json(to / "merged.json") == first
    assert {file.stem for file in (to / "features").iterdir()} == {"known", "new"}
    assert not (to / "report.html").exists()
    assert len(names(merged(to, a, b, c))) == 6
    assert not list(tmp_path.glob(".*"))


def test_a_merge_that_fails_leaves_what_was_there(make, tmp_path, monkeypatch):
    a, b, c = make("a", 0), make("b", 1), make("c", 2)
    to = merged(tmp_path / "to", a, b)
    before = everything(to)

    def fail(*arguments):
        raise OSError("no space")

    monkeypatch.setattr(folder_module, "record", fail)
    with pytest.raises(OSError, match="no space"):
        merged(to, a, b, c)
    assert everything(to) == before and not list(tmp_path.glob(".*"))


def test_the_folder_is_called_after_its_experiment(make, tmp_path):
    sources = read_sources([make("a", 0), make("b", 1)])
    assert default_folder(sources) == tmp_path / "merged/toyseasons-smoke-0123abcd4567"
    path = tmp_path / "b/experiment.json"
    write_json(path, {**read_json(path), "hash": "fedcba987654"})
    here, there = read_sources([tmp_path / "a", tmp_path / "b"]), tmp_path / "b"
    names = {default_folder(sources).name for sources in (here, here[::-1])}
    assert len(names) == 1 and names != {"toyseasons-smoke-0123abcd4567"}
    assert read_json(merged(tmp_path / "to", tmp_path / "a", there) / "experiment.json")["hash"]


def test_other_real_images_are_refused_by_name(make, tmp_path):
    a, b = make("a", 0), make("b", 1)
    path = b / "references.safetensors"
    arrays = read_arrays(path)
    write_arrays(path, arrays)  # the same in another file
    assert read_sources([a, b])
    write_arrays(path, arrays | {"floor_a": np.zeros_like(arrays["floor_a"])})
    with pytest.raises(UserError, match=r"floor_a in references\.safetensors"):
        read_sources([a, b])


def test_evidence_of_all_sources_is_merged_once_and_follows_its_runs(make, tmp_path):
    def climb(device, digest):
        scale = {
            "filters": 4, "discriminator_filters": 4, "crop_size": [16, 16], "pool_size": 5,
            "batch_size": 2,
        }  # fmt: skip
        return {
            "backends": ["torch", "tf"], "frameworks": {}, "device": "cpu", "device_name": device,
            "digest": digest, "checked": scale, "trained": scale, "seconds": 1.0, "rows": [],
        }  # fmt: skip

    def course(device):
        return {
            "device": device, "seed": 0, "steps": 9, "files": {"torch": "0", "tf": "1"},
            "pairs": [], "twin": {"backend": "torch", "weights": 0.1, "losses": [], "seconds": 1.0},
        }  # fmt: skip

    one, other = make("one", 0), make("other", 0, device=GPU)
    for folder, device in ((one, CPU), (other, GPU)):
        climbs = [climb("shared", "same"), climb(device, "own")]
        write_json(folder / "parity.json", {"climbs": climbs})
        write_json(folder / "course.json", {"courses": [course(device), course("elsewhere")]})
    merged(tmp_path / "merged", one, other)
    climbs = read_json(tmp_path / "merged" / "parity.json")["climbs"]
    assert [climb["device_name"] for climb in climbs] == ["shared", CPU, GPU]
    courses = read_json(tmp_path / "merged" / "course.json")["courses"]
    assert [course["device"] for course in courses] == [CPU, GPU]
