"""Records of benches on disk: what is written is read again, and what is damaged is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bench_records import record, several, with_sides

from harness.studies.timing.record_files import (
    file_name,
    is_bench,
    read_record,
    read_records,
    write_record,
)
from harness.system.errors import UserError


def written(path, one):
    write_record(one, path)
    return json.loads(path.read_text())


def old(document):
    """As records were before steps were timed in pieces."""
    for key in ("kind", "changes", "width", "costs", "energy_source"):
        del document[key]
    for start in document["starts"]:
        for side in start["sides"]:
            for key in ("joules_per_step", "phases", "peaks"):
                del side[key]
            side |= {"matrix_peak": 1e11, "flops_per_step": 10**10}
    return document


def test_a_record_is_read_as_it_was_written(tmp_path):
    one = several(1.2, overrides=["model.filters=6"])
    document = written(tmp_path / "a.json", one)
    assert read_record(tmp_path / "a.json") == one
    assert document["ratio"]["value"] == pytest.approx(1.2, rel=0.01)
    assert document["changes"] == {"model.filters": 6}
    bare = with_sides(one, joules=None, phases=None, peaks=None)
    write_record(bare, tmp_path / "a.json")
    assert read_record(tmp_path / "a.json") == bare


def test_a_record_of_one_start_has_no_bounds_to_write(tmp_path):
    document = written(tmp_path / "a.json", record((np.ones(3), np.ones(3))))
    assert document["ratio"] == {"value": 1.0, "low": None, "high": None}


def test_a_record_from_before_there_were_pieces_is_shown_without_them(tmp_path):
    one = several(1.2)
    (tmp_path / "a.json").write_text(json.dumps(old(written(tmp_path / "a.json", one))))
    read = read_record(tmp_path / "a.json")
    assert read.ratio == one.ratio and read.width == 0.05 and read.costs == {}
    side = read.starts[0].first
    assert side.phases is None and side.peaks is None and side.joules is None


def test_records_of_two_devices_do_not_overwrite_each_other(tmp_path):
    names = {file_name("smoke", ("torch", "tf"), each, "0123") for each in ("An A100", "An H100/2")}
    assert names == {"smoke-torch-tf-0123-an-a100.json", "smoke-torch-tf-0123-an-h100-2.json"}
    for name in names:
        write_record(several(1.2), tmp_path / name)
    assert list(read_records(tmp_path)) == sorted(names)


def change(document, path, value):
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["starts", 0, "cold_pairs"], 8),
        (["starts", 1, "sides", 0, "backend"], "jax"),
        (["starts", 0, "sides", 0, "seconds_per_step"], [1.0]),
        (["starts", 0, "sides", 0, "seconds_per_step", 3], 0),
        (["starts", 0, "sides", 1, "joules_per_step"], [1.0]),
        (["starts", 0, "sides", 1, "phases", "host"], [1.0]),
        (["starts", 0, "sides", 1, "phases"], {"host": [1.0]}),
        (["starts", 0, "sides", 1, "peaks", "matrix"], -1),
        (["starts", 0, "sides", 1, "environment"], {}),
        (["configuration"], {}),
        (["configuration", "training", "batch_size"], 0),
        (["costs", "host"], 7),
        (["width"], 0),
    ],
)  # fmt: skip
def test_a_damaged_record_is_refused_by_name(tmp_path, path, value):
    document = written(tmp_path / "broken.json", several(1.2))
    read_record(tmp_path / "broken.json")
    change(document, path, value)
    (tmp_path / "broken.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match=r"broken\.json: not a record of `cyclebench bench`") as it:
        read_records(tmp_path)
    assert "\n" not in str(it.value)


def test_a_folder_of_an_experiment_is_none_of_benches(tmp_path):
    assert not is_bench(tmp_path)
    write_record(several(1.2), tmp_path / "a.json")
    assert is_bench(tmp_path)
    (tmp_path / "experiment.json").write_text("{}")
    assert not is_bench(tmp_path)
