"""parity.json: what is measured once, and what makes it be measured again."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from harness.config.load import load_experiment
from harness.records.evidence import PARITY, parity_climbs
from harness.studies.parity import ParityRow, check, parity_record, tolerances, write_parity
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.ladder import CHECKS, climb
from harness.studies.parity.parity_case import make_case
from harness.studies.parity.parity_check import ParityCheck, Rung
from harness.studies.parity.together import measure_together
from harness.system.errors import UserError

ROW = ParityRow("04 gradients", "tf, x", 1e-13, 1e-11, "float64")
NAMES = ("torch", "tf")


@pytest.fixture
def climbs(monkeypatch, tmp_path):
    """Every climb that was made, with its precisions below float32; none is a real one."""
    made = []

    def climbed(case, names, device, precisions, progress):
        made.append(list(precisions))
        return [ROW], {name: name.title() for name in names}

    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(check, "check_case", climbed)
    return made


def record(*overrides, preset="smoke", names=NAMES):
    experiment = load_experiment("seasons", preset, list(overrides))
    return parity_record(experiment, names, "cpu", lambda done, total: None)


def test_the_same_networks_are_checked_once(climbs):
    first = record()
    assert record("training.steps_per_epoch=9", "data.train=12", "timing.warmup_steps=3") == first
    assert len(climbs) == 1


@pytest.mark.parametrize(
    "override",
    [
        "model.filters=5", "model.blocks=2", "objective.lambda_a=9", "optimiser.beta1=0.6",
        "training.epochs_decay=3", "runtime.onednn=false", "model.norm.affine=true",
    ],
)  # fmt: skip
def test_what_decides_a_row_has_it_measured_again(climbs, override):
    assert record()["digest"] != record(override)["digest"]
    assert len(climbs) == 2


def test_other_code_or_backends_have_it_measured_again(climbs, monkeypatch):
    digests = {record()["digest"], record(names=("tf", "torch"))["digest"]}
    monkeypatch.setattr(check.provenance, "source_digest", lambda: "other code")
    digests.add(record()["digest"])
    monkeypatch.setattr(check, "OWN_SOURCES", ("harness/studies/parity/adam.py",))
    digests.add(record()["digest"])
    assert len(digests) == 4 and len(climbs) == 4


def test_what_was_reduced_is_in_the_record_and_so_is_the_precision_of_the_training(climbs):
    made = record("runtime.precision=bfloat16", preset="paper")
    assert made["trained"]["filters"] == 64 and made["trained"]["crop_size"] == [256, 256]
    assert made["checked"]["filters"] == 16 and made["checked"]["crop_size"] == [32, 32]
    assert climbs == [["bfloat16"]]
    assert made["rows"] == [
        {
            "check": "04 gradients", "what": "tf, x", "measured": 1e-13, "tolerance": 1e-11,
            "arithmetic": "float64", "passed": True,
        }
    ]  # fmt: skip


def test_climbs_of_other_devices_stay_in_the_folder(climbs, tmp_path):
    made = record()
    write_parity(tmp_path, made)
    write_parity(tmp_path, {**made, "device": "cuda", "device_name": "a GPU"})
    write_parity(tmp_path, {**made, "seconds": 1.0})
    kept = parity_climbs(tmp_path / PARITY)
    assert [(one["device"], one["seconds"]) for one in kept][-1] == ("cpu", 1.0)
    assert [one["device"] for one in kept] == ["cuda", "cpu"]


def test_a_damaged_file_in_the_cache_is_named(climbs, tmp_path):
    digest = record()["digest"]
    file = tmp_path / "cache" / "parity" / digest / PARITY
    file.write_text('{"schema_version": 1, "climbs": [{}]}')
    with pytest.raises(UserError, match=r"parity\.json: climbs\.0"):
        record()


def test_all_backends_are_measured_at_the_same_time_and_failures_are_kept(monkeypatch):
    """Every measurement once, a failing one too; the climb then asks for none again."""
    case, asked = make_case(load_experiment("seasons", "smoke", [])), []

    def measure(cache, name, function):
        asked.append((function, name))
        raise ValueError(f"{name} cannot")

    cache = BackendCache(case, NAMES, apart=True)
    done = []
    with monkeypatch.context() as patch:
        patch.setattr(BackendCache, "build", lambda self, name, *_: measure(self, name, "build"))
        measure_together(cache, lambda *counts: done.append(counts))
        total = done[-1][1]
        assert [count for count, _ in done] == list(range(1, total + 1))
        assert {name for _, name in asked} == set(NAMES)
        before = len(asked)
        rows = list(climb(cache))
    assert len(asked) == before
    measured = [row for row in rows if not row.passed]
    assert {row.check for row in measured} == {
        check.rung.label
        for check in CHECKS
        # Of the plan no backend is asked.
        if check.precision is None and check.rung != Rung.PLAN
    }


@pytest.mark.parametrize("wrong", [8e-5, 1.0])
def test_rounding_is_allowed_as_two_backends_have_it_and_a_wrong_one_allows_itself_nothing(wrong):
    noise = {"a": wrong, "b": 7e-5, "c": 1e-6}
    zeros = ParityCheck(
        Rung.GRADIENTS,
        lambda cache, name: {("zero", "bias"): np.array([noise[name]])},
        tolerances.ZERO_GRADIENT,
        truth=lambda cache, name: {("zero", "bias"): np.zeros(1)},
        noise=lambda cache, name: noise[name],
    )
    cache = SimpleNamespace(names=tuple(noise), once=lambda function, name: function(cache, name))
    rows = list(climb(cache, [zeros]))
    assert [row.tolerance for row in rows] == [tolerances.NOISE * 7e-5] * 3
    assert [row.passed for row in rows] == [wrong < 1, True, True]
