"""What a finished run consists of is listed with its hashes, and every change of it is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.system.checksums import CHUNK, check_sums, sha256, write_sums
from harness.system.errors import UserError
from harness.system.files import read_json

FILES = (
    "environment.json", "losses.csv", "blocks.csv", "resources.json", "state.safetensors",
    "evaluations/step-00000000.safetensors", "evaluations/step-00000064.safetensors",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name in (*FILES, "status.json", "log.txt", ".lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    write_sums(tmp_path)
    return tmp_path


def test_all_that_a_run_consists_of_is_listed_and_nothing_else(run):
    listed = read_json(run / "sums.json")["files"]
    assert sorted(listed) == sorted(FILES)
    assert listed["losses.csv"] == hashlib.sha256(b"losses.csv").hexdigest()
    assert not check_sums(run)


def test_what_changes_after_the_sums_are_written_is_no_damage(run):
    for name in ("status.json", "log.txt"):
        (run / name).write_text("another")
    assert not check_sums(run)


@pytest.mark.parametrize("name", FILES)
def test_a_single_flipped_bit_is_named(run, name):
    content = bytearray((run / name).read_bytes())
    content[-1] ^= 1
    (run / name).write_bytes(content)
    damage = check_sums(run)
    assert (damage.missing, damage.changed, damage.unlisted) == ([], [name], [])
    assert str(damage) == f"changed: {name}"


def test_missing_and_added_files_are_named(run):
    (run / FILES[-1]).unlink()
    (run / "evaluations/step-00000065.safetensors").touch()
    damage = check_sums(run)
    assert damage and damage.changed == []
    assert damage.missing == [FILES[-1]]
    assert damage.unlisted == ["evaluations/step-00000065.safetensors"]


def test_a_file_of_several_chunks_has_the_hash_of_its_bytes(tmp_path):
    content = bytes(range(256)) * (CHUNK // 256) * 2 + b"rest"
    (tmp_path / "large").write_bytes(content)
    assert sha256(tmp_path / "large") == hashlib.sha256(content).hexdigest()


def test_runs_from_before_there_were_sums_are_told_apart_from_sound_ones(run):
    (run / "sums.json").unlink()
    assert check_sums(run) is None


@pytest.mark.parametrize("content", ["{", '{"schema_version": 1}', '{"schema_version": 2}'])
def test_damaged_sums_are_refused_by_name(run, content):
    (run / "sums.json").write_text(content)
    with pytest.raises(UserError, match=r"sums\.json"):
        check_sums(run)
