"""That every benchmark runs, never how long one takes."""

import json
import tempfile
from dataclasses import replace

import numpy as np
import pytest
from child_stand_ins import stand_in
from matplotlib.figure import Figure

from benchmarks.__main__ import main, readable
from benchmarks.hot_paths import Sizes, benchmarks
from benchmarks.measure import measure
from benchmarks.suite import run_benchmarks
from harness.metrics import features
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
    extract = stand_in([], lambda images: np.zeros((len(images), 1280)))
    monkeypatch.setattr(features, "Child", extract)
    # Most of a report's time, whatever is in it, and of all others', in a process that has run many
    # tests.
    monkeypatch.setattr("benchmarks.measure.gc.collect", lambda: 0)
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **_: file.write(b"<svg></svg>"))
    benchmark = benchmarks(TINY)[place]
    (tmp_path / "work").mkdir()
    row = measure(benchmark, tmp_path / "work", TINY.repeat_seconds)
    assert row.seconds > 0 and row.per_item > 0 and row.peak_mb >= 0
    assert row.repeats == 1


def test_work_is_repeated_until_the_time_is_up_and_the_best_counts(tmp_path):
    (benchmark,) = (one for one in benchmarks(TINY) if one.what == "pool: decisions")
    assert measure(benchmark, tmp_path, 60.0).repeats == 20


def test_a_benchmark_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    message = r"^benchmark record: arrays read: .*; the traceback is in .*\.log$"
    with pytest.raises(WorkerFailed, match=message):
        run_benchmarks(replace(TINY, weights=-1), "arrays read", lambda *_: None)


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys, monkeypatch):
    sizes = replace(TINY, weights=10_000_000)
    monkeypatch.setattr("benchmarks.__main__.Sizes", lambda: sizes)
    assert main(["--only", "arrays read", "--to", str(tmp_path / "bench.json")]) == 0
    assert "record: arrays read" in capsys.readouterr().out
    written = json.loads((tmp_path / "bench.json").read_text())
    (row,) = written["rows"]
    assert row["what"] == "record: arrays read" and row["seconds"] > 0 and written["machine"]["cpu"]
    assert row["peak_mb"] > 20, "they are 40 MB, in a process of their own"


def test_a_name_that_no_benchmark_has_is_refused(capsys):
    assert main(["--only", "nothing"]) == 2
    assert "--only nothing: no such benchmark" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.34, "12.3 s"), (0.5, "500 ms"), (2.5e-5, "25.0 µs"), (4e-9, "4.00 ns"), (0.0, "0.00 ns")],
)
def test_durations_have_three_digits(seconds, text):
    assert readable(seconds) == text
