"""`cyclebench verify` on a comparison that was made as a user makes one, sound and then damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import called
from rich.console import Console

from harness.config.experiment import digest_of
from harness.records.run import find_runs
from harness.system.checksums import check_sums, write_sums
from harness.system.files import SCHEMA_VERSION, read_json, read_table, write_json, write_table
from harness.system.progress import Display
from harness.tools.verify import VerifyRequest, verify
from harness.tools.verify.records import (
    check_blocks,
    check_configuration,
    check_evaluations,
    check_losses,
    check_weights,
    read_recorded,
)

STEPS = 3
CHECKS = ["files", "losses", "blocks", "evaluations", "weights", "replay"]


@pytest.fixture
def folder(compared: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    copy = tmp_path / compared.name
    shutil.copytree(compared, copy)
    for run in find_runs(copy):
        write_sums(run.folder)
    return copy


def verified(path: Path):
    """Outcomes and notes by (backend or "experiment", check)."""
    found = verify(VerifyRequest(path, STEPS), Display(Console(quiet=True)))
    rows = {(row.run.rpartition("/")[2].partition("-")[0], row.check): row for row in found.rows}
    return found, rows


def run_of(folder: Path, backend: str):
    [run] = [run for run in find_runs(folder) if run.backend == backend]
    return run


def edit_loss(run, step: int) -> None:
    table = read_table(run.folder / "losses.csv")
    value = np.float32(table.loc[step, "cycle_a"])
    table.loc[step, "cycle_a"] = np.nextafter(value, np.float32(1))
    write_table(run.folder / "losses.csv", table)


def test_a_sound_comparison_is_the_same_bit_for_bit(folder):
    found = called("verify", "--steps", str(STEPS), "--json", folder)
    assert found.returncode == 0, found.stdout + found.stderr
    document = json.loads(found.stdout)
    assert document["ok"] and document["steps"] == STEPS
    device = next((folder / "runs").iterdir()).name
    assert [(row["run"], row["check"]) for row in document["rows"]] == [
        ("experiment", "configuration"),
        ("experiment", "data"),
        *((f"{device}/{name}-seed0", check) for name in ("tf", "torch") for check in CHECKS),
    ]
    assert {row["outcome"] for row in document["rows"]} == {"ok"}
    notes = [row["note"] for row in document["rows"] if row["check"] == "replay"]
    assert all(note.startswith("3 steps and") and note.endswith("bit for bit") for note in notes)


def test_one_bit_of_a_loss_is_found_by_its_hash_and_by_the_replay(folder):
    run = run_of(folder, "torch")
    edit_loss(run, step=1)
    assert check_sums(run.folder).changed == ["losses.csv"]
    write_sums(run.folder)
    found, rows = verified(run.folder)
    assert not found.ok
    assert {row.run.rpartition("/")[2] for row in found.rows} == {"experiment", "torch-seed0"}
    outcomes = {check: rows["torch", check].outcome for check in CHECKS}
    assert outcomes == {check: "DIFFERS" if check == "replay" else "ok" for check in CHECKS}
    note = rows["torch", "replay"].note
    assert "first at step 1, where cycle_a was" in note and "1 of 3 steps differ" in note
    assert "nothing should differ" in note


def test_another_configuration_or_device_is_found_and_not_replayed(folder, monkeypatch):
    file = folder / "experiment.json"
    sound = read_json(file)
    document = json.loads(json.dumps(sound))
    document["configuration"]["objective"]["lambda_a"] = 5.0
    write_json(file, {k: v for k, v in document.items() if k != "schema_version"})
    found, rows = verified(folder)
    assert not found.ok and rows["experiment", "configuration"].outcome == "DIFFERS"
    for name in ("torch", "tf"):
        assert rows[name, "replay"].note == "not replayed: see configuration"
    write_json(file, {k: v for k, v in sound.items() if k != "schema_version"})
    monkeypatch.setattr("harness.system.provenance.cpu_name", lambda: "another CPU")
    found, rows = verified(folder)
    assert found.ok
    for name in ("torch", "tf"):
        assert rows[name, "files"].outcome == "ok"
        assert rows[name, "replay"].outcome == "not checked"
        assert "another device" in rows[name, "replay"].note


def test_an_image_that_is_another_now_is_found(folder, monkeypatch):
    monkeypatch.setattr(
        "harness.system.provenance.cpu_name", lambda: "another CPU"
    )  # nothing to replay
    _, rows = verified(folder)
    found = rows["experiment", "data"]
    assert found.outcome == "ok" and found.note.startswith("32 images in ")
    one, other = sorted((Path(found.note.partition(" in ")[2]) / "trainA").iterdir())[:2]
    before = one.read_bytes()
    try:
        one.write_bytes(other.read_bytes())
        _, rows = verified(folder)
    finally:
        one.write_bytes(before)
    assert rows["experiment", "data"].outcome == "DIFFERS"
    assert rows["experiment", "data"].note.endswith(f": changed: trainA/{one.name}")
    assert rows["tf", "replay"].note == "not replayed: see data"


def test_records_that_do_not_fit_the_plan_are_found(folder):
    run, recorded = run_of(folder, "torch"), read_recorded(folder)
    plan = recorded.plan(0)
    assert check_losses(run, recorded, plan).outcome == "ok"

    def damaged(file, change, check):
        path = run.folder / file
        table = read_table(path)
        write_table(path, change(table.copy()))
        found = check(run_of(folder, "torch"))
        write_table(path, table)
        assert found.outcome == "DIFFERS"
        return found.note

    def losses(of):
        return check_losses(of, recorded, plan)

    def blocks(of):
        return check_blocks(of, plan)

    order = [0, 2, 1, *range(3, plan.steps)]
    assert "64 steps are planned" in damaged("losses.csv", lambda t: t.iloc[:-1], losses)
    assert "row 1" in damaged("losses.csv", lambda t: t.iloc[order], losses)
    rates = damaged("losses.csv", lambda t: t.assign(learning_rate=2e-4), losses)
    assert rates.startswith("learning_rate at step")
    assert "the one before ends at 0" in damaged("blocks.csv", lambda t: t.iloc[1:], blocks)
    assert "ends at step" in damaged("blocks.csv", lambda t: t.iloc[:-1], blocks)
    run.evaluation_file(16).unlink()
    assert "see step 16" in check_evaluations(run, recorded, plan).note
    shutil.copy(run.evaluation_file(0), run.evaluation_file(plan.steps))
    shutil.copy(run.evaluation_file(0), run.evaluation_file(16))
    assert "aba after step 64" in check_evaluations(run, recorded, plan).note
    shutil.copy(run.evaluation_file(0), run.folder / "state.safetensors")
    assert "is missing" in check_weights(run, recorded, plan).note


def test_what_is_no_experiment_and_images_that_are_gone_are_one_line(folder, capsys):
    from harness.cli import main

    assert main(["verify", str(folder.parent)]) == 2
    assert "no experiment there" in capsys.readouterr().err
    document = read_json(folder / "experiment.json")
    document["dataset"] = "my-photos"
    write_json(folder / "experiment.json", {k: v for k, v in document.items() if k[:6] != "schema"})
    assert main(["verify", str(folder)]) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert "my-photos: its images are not here; give --data-dir" in line


def test_packages_are_part_of_the_folders_name(folder):
    assert check_configuration(read_recorded(folder)).outcome == "ok"
    document = read_json(folder / "experiment.json")
    document["packages"]["torch"]["torch"] = "1.0"
    write_json(folder / "experiment.json", document)
    assert check_configuration(read_recorded(folder)).outcome == "DIFFERS"


def test_a_folder_from_before_packages_were_told_apart_is_read(folder):
    document = read_json(folder / "experiment.json")
    del document["packages"]
    write_json(folder / "experiment.json", document)
    recorded = read_recorded(folder)
    source = recorded.runs[0].environment["source_digest"]
    context = (recorded.manifest.digest, source, str(SCHEMA_VERSION))
    old = folder.with_name(f"seasons-smoke-{digest_of(recorded.settings, *context)}")
    folder.rename(old)
    assert check_configuration(read_recorded(old)).outcome == "ok"
