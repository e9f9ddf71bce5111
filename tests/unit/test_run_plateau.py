"""A rate that depends on losses: looked at at ends of epochs, and recorded as it was used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_gpus import Card, Nvml, machine
from losing_backend import EPOCHS, LEVELS, OVERRIDES, PER_EPOCH, Losing, begin

import backends
from harness.config.load import load_experiment
from harness.plan.learning_rate import plateaus
from harness.system.energy_meter import Meter
from harness.system.files import read_arrays
from harness.training.run import BLOCK_COLUMNS, TrainingRun


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "load", Losing)


def expected_factors() -> list[float]:
    """Of every epoch, one more than are trained: by what both generators minimise."""
    means = [2 * (4 - level) + 3 * (level + 0.02) + 5 * 0.25 + 2 * 0.125 for level in LEVELS]
    training = load_experiment("any", "smoke", OVERRIDES).training
    return plateaus(training, means)


def rates(run: TrainingRun) -> tuple[Any, Any]:
    batches = run.backend.batches  # type: ignore[attr-defined]
    return (
        [batch.learning_rate for batch in batches],
        [batch.discriminator_learning_rate for batch in batches],
    )


@pytest.mark.parametrize(
    "blocks", [(40,), (3, 4, 17, 40), range(1, 41)], ids=["one", "some", "all"]
)
def test_rates_change_at_ends_of_epochs_wherever_blocks_end(tmp_path: Path, blocks: Any) -> None:
    run = begin(tmp_path)
    for until in blocks:
        run.train(until)
    factors = np.repeat(expected_factors()[:EPOCHS], PER_EPOCH)
    assert len(set(factors)) == 3
    generators, discriminators = rates(run)
    assert generators == pytest.approx(1e-3 * factors)
    assert discriminators == pytest.approx(4e-3 * factors)
    table = run._loss_table()
    assert table["learning_rate"].to_numpy() == pytest.approx(1e-3 * factors)
    assert table["epoch"].tolist() == np.repeat(range(EPOCHS), PER_EPOCH).tolist()
    # However often it looked at losses, a block is one row of what was timed.
    assert [block[:2] for block in run.blocks] == [
        (start, end - start) for start, end in zip([0, *blocks], blocks, strict=False)
    ]


def test_a_run_that_is_taken_up_again_goes_on_at_the_rate_it_had(tmp_path: Path) -> None:
    first = begin(tmp_path)
    first.train(23)
    first.checkpoint("interrupted")
    assert int(read_arrays(first.checkpoints.files[0])["step"]) == 23
    second = begin(tmp_path)
    assert second.step == 23
    second.train(40)
    together = rates(first)[0] + rates(second)[0]
    assert together == pytest.approx(1e-3 * np.repeat(expected_factors()[:EPOCHS], PER_EPOCH))
    assert second._loss_table()["learning_rate"].to_numpy() == pytest.approx(together)


def test_other_policies_take_no_pause_and_their_rates_are_the_plans(tmp_path: Path) -> None:
    run = begin(tmp_path, "training.policy=linear", "training.epochs_decay=8")
    seen: list[tuple[int, int]] = []
    train = run._train_without_pause

    def watched(until: int, clock: str) -> Any:
        seen.append((run.step, until))
        return train(until, clock)

    run._train_without_pause = watched  # type: ignore[method-assign]
    run.train(13)
    assert seen == [(0, 13)]
    assert rates(run)[0] == run.plan.learning_rate[:13].tolist()
    run = begin(tmp_path)
    seen.clear()
    train = run._train_without_pause
    run._train_without_pause = watched  # type: ignore[method-assign]
    run.train(13)
    assert seen == [(0, 5), (5, 10), (10, 13)]


def test_as_many_test_images_are_translated_as_are_asked_for(tmp_path: Path) -> None:
    run = begin(tmp_path, "evaluation.images=3")
    assert len(run.test_a) == len(run.test_b) == 3
    assert len(begin(tmp_path).test_a) == 8


class Metered(Nvml):
    """Of a GPU that uses 5 joules a step of a run, and one whenever it is looked at."""

    def __init__(self, run: TrainingRun) -> None:
        super().__init__([Card()])
        self.run, self.looks = run, 0

    def nvmlDeviceGetTotalEnergyConsumption(self, card: Card) -> int:
        self.looks += 1
        steps = len(self.run.backend.batches)  # type: ignore[attr-defined]
        return 5000 * steps + 1000 * self.looks


def test_blocks_have_the_joules_of_their_own_steps(tmp_path: Path) -> None:
    run = begin(tmp_path)
    with machine(Card(), nvml=Metered(run)):
        run.meter = Meter("cuda")
    for until in (3, 13, 40):
        run.train(until)
    # From 3 to 13 there are three stretches, since epochs end at 5 and 10: each is looked at twice.
    assert [block[BLOCK_COLUMNS.index("joules")] for block in run.blocks] == [
        15 + 1,
        50 + 3,
        135 + 6,
    ]
    run.finish()
    assert run.record.blocks["joules"].tolist() == [16, 53, 141]
    assert run.record.resources["energy_source"] == "NVML"


def test_joules_that_cannot_be_read_are_left_empty(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.meter = Meter("cpu", powercap=tmp_path / "none")
    run.train(40)
    run.checkpoint("running")
    again = begin(tmp_path)
    again.finish()
    assert again.record.blocks["joules"].isna().tolist() == [True]
    joules = BLOCK_COLUMNS.index("joules")
    assert (tmp_path / "blocks.csv").read_text().splitlines()[-1].split(",")[joules] == ""
    assert run.meter.source is None
