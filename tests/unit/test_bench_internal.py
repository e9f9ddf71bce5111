"""That every benchmark runs, never how long one takes."""

import json
import tempfile
from dataclasses import replace

import pytest

from benchmarks.__main__ import main, readable
from benchmarks.hot_paths import Sizes, benchmarks
from benchmarks.measure import measure
from benchmarks.suite import run_benchmarks
from harness.system.errors import WorkerFailed

TINY = Sizes(
    planned_steps=5,
    batches=3,
    pooled_images=60,
    files=2,
    file_side=300,
    logged_steps=50,
    block_steps=10,
    scored_steps=2,
    shown_images=3,
    weights=1000,
    feature_sets=((4, 8),),
    extracted_images=(1,),
    repeat_seconds=0.0,
)
NAMES = [benchmark.what for benchmark in benchmarks(TINY)]


@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
def test_every_benchmark_runs_and_gives_positive_numbers(place, tmp_path, monkeypatch):
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path / "cache"))
    benchmark = benchmarks(TINY)[place]
    (tmp_path / "work").mkdir()
    row = measure(benchmark, tmp_path / "work", TINY.repeat_seconds)
    assert row.seconds > 0 and row.per_item > 0 and row.peak_mb >= 0
    assert row.repeats == 1


def test_work_is_repeated_until_the_time_is_up_and_the_best_counts(tmp_path):
    benchmark = next(each for each in benchmarks(TINY) if each.what == "pool: decisions")
    assert measure(benchmark, tmp_path, 60.0).repeats == 20


def test_memory_is_measured_in_a_process_of_its_own(tmp_path):
    sizes = replace(TINY, weights=10_000_000)
    (row,) = run_benchmarks(sizes, "arrays read", lambda *_: None)
    assert row.peak_mb > 20  # they are 40 MB


def test_a_benchmark_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    says = r"^benchmark record: arrays read: .*; the traceback is in .*\.log$"
    with pytest.raises(WorkerFailed, match=says):
        run_benchmarks(replace(TINY, weights=-1), "arrays read", lambda *_: None)


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.__main__.Sizes", lambda: TINY)
    assert main(["--only", "table", "--to", str(tmp_path / "bench.json")]) == 0
    out = capsys.readouterr().out
    assert "record: table written" in out and "record: table read" in out
    written = json.loads((tmp_path / "bench.json").read_text())
    assert [row["what"] for row in written["rows"]] == [n for n in NAMES if "table" in n]
    assert all(row["seconds"] > 0 for row in written["rows"]) and written["machine"]["cpu"]


def test_a_name_that_no_benchmark_has_is_refused(capsys):
    assert main(["--only", "nothing"]) == 2
    assert "--only nothing: no such benchmark" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(12.34, "12.3 s"), (0.5, "500 ms"), (2.5e-5, "25.0 µs"), (4e-9, "4.00 ns"), (0.0, "0.00 ns")],
)
def test_durations_have_three_digits(seconds, shown):
    assert readable(seconds) == shown
