"""What Slurm is asked for, with a submitit that submits nothing."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.launch import slurm
from harness.launch.unit import Unit
from harness.system.errors import UserError


def units(folder, *seeds):
    return [Unit(folder, seed, ("torch", "tf"), label=f"seed {seed}") for seed in seeds]


class FakeSubmitit:
    """`arrays`: of each, the folder, what was asked for and the seeds."""

    def __init__(self):
        self.arrays = []

    def AutoExecutor(self, folder, cluster, **options):
        executor, asked = SimpleNamespace(), {}
        executor.update_parameters = asked.update

        def map_array(function, units):
            assert {unit.files.read().state for unit in units} == {"queued"}
            self.arrays.append((folder, asked, [unit.seed for unit in units]))
            number = len(self.arrays)
            return [SimpleNamespace(job_id=f"{number}_{i}") for i in range(len(units))]

        executor.map_array = map_array
        return executor


def test_units_of_one_setting_that_ask_for_the_same_are_one_array(tmp_path, monkeypatch):
    fake = FakeSubmitit()
    monkeypatch.setattr(slurm, "_submitit", lambda: fake)
    monkeypatch.setenv("CYCLEBENCH_SLURM", "local")
    launcher = slurm.Slurm(slurm.SlurmSettings(minutes=60, gpus=1), left=False)
    one, other = (units(tmp_path / name, 0, 1, 2) for name in ("one", "other"))
    one[1:] = [replace(unit, timed=False) for unit in one[1:]]
    submitted = [unit for unit, _ in launcher.submit([*one, *other])]
    assert submitted == [*one, *other]
    assert [(folder.parts[-3], seeds) for folder, _, seeds in fake.arrays] == [
        ("one", [0]), ("one", [1, 2]), ("other", [0, 1, 2])]  # fmt: skip
    exclusive = [asked["slurm_exclusive"] for _, asked, _ in fake.arrays]
    assert exclusive == [True, None, True]
    asked = fake.arrays[2][1]
    assert (asked["timeout_min"], asked["gpus_per_node"], asked["name"]) == (60, 1, "other")
    assert asked["slurm_array_parallelism"] == 3
    assert asked["slurm_setup"] == [f"cd {slurm.ROOT}"]
    assert [unit.files.read().job for unit in one] == ["1_0", "2_0", "2_1"]


def test_an_array_that_is_refused_is_named_and_those_before_it_are_known(tmp_path, monkeypatch):
    fake, known = FakeSubmitit(), []
    monkeypatch.setattr(slurm, "_submitit", lambda: fake)
    monkeypatch.setenv("CYCLEBENCH_SLURM", "local")
    launcher = slurm.Slurm(slurm.SlurmSettings(), left=False)
    made = fake.AutoExecutor

    def refusing(folder, **options):
        executor = made(folder, **options)
        if "other" in folder.parts:
            executor.map_array = lambda *_: 1 / 0
        return executor

    fake.AutoExecutor = refusing
    with pytest.raises(UserError, match=r"not accepted: seed 1, seed 2 \(division by zero\)"):
        for unit, _ in launcher.submit(
            [*units(tmp_path / "one", 0), *units(tmp_path / "other", 1, 2)]
        ):
            known.append(unit.seed)
    assert known == [0]
