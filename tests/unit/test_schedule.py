"""Learning rates over a run: every policy against its closed form or PyTorch's own schedule."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as schedulers

from harness.config.sections import TrainingSection
from harness.plan.learning_rate import factors, plateaus


def training(**settings) -> TrainingSection:
    return TrainingSection.model_validate({"epochs_constant": 3, "epochs_decay": 4, **settings})


def rates(steps_per_epoch=2, **settings) -> np.ndarray:
    section = training(**settings)
    return factors(section, section.epochs * steps_per_epoch, steps_per_epoch)


def of_pytorch(steps, scheduler, *settings, **options):
    """Rate of every epoch; `steps` has what the scheduler's `step` is given after each."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rule, rates = scheduler(optimiser, *settings, **options), [1.0]
    for given in steps:
        optimiser.step()
        rule.step(*given)
        rates.append(optimiser.param_groups[0]["lr"])
    return rates


def test_linear_falls_by_equal_steps_that_would_reach_zero_after_the_last_epoch():
    levels = [1, 1, 1, 4 / 5, 3 / 5, 2 / 5, 1 / 5]
    assert rates() == pytest.approx(np.repeat(levels, 2), abs=1e-15)
    by_step = [1] * 6 + [1 - i / 9 for i in range(1, 9)]
    assert rates(decay="step") == pytest.approx(by_step, abs=1e-15)


def test_linear_is_the_lambda_of_the_cyclegan_authors():
    """Their `lambda_rule` with epoch_count 1 for the epochs behind the first `scheduler.step`."""
    expected = of_pytorch(
        [()] * 199, schedulers.LambdaLR, lambda epoch: 1 - max(0, epoch + 1 - 100) / (100 + 1)
    )
    assert rates(1, epochs_constant=100, epochs_decay=100) == pytest.approx(expected, rel=1e-12)


def test_cosine_is_half_a_wave_without_its_end():
    levels = [1, 1, 1, *((1 + math.cos(math.pi * i / 5)) / 2 for i in (1, 2, 3, 4))]
    assert rates(policy="cosine") == pytest.approx(np.repeat(levels, 2), rel=1e-14)
    whole = rates(1, policy="cosine", epochs_constant=0, epochs_decay=9)
    # In between, its middle: half the rate. Symmetric around it.
    assert whole[4] == pytest.approx(0.5, abs=1e-15)
    assert whole + whole[::-1] == pytest.approx(np.ones(9), abs=1e-14)


def test_step_multiplies_once_more_after_every_so_many_epochs_from_the_first_on():
    for decay in ("epoch", "step"):  # by epochs, also where `decay` is by steps
        factors = rates(policy="step", step_epochs=3, step_factor=0.5, decay=decay)
        assert factors.tolist() == [1] * 6 + [0.5] * 6 + [0.25] * 2


def test_step_is_that_of_pytorch():
    expected = of_pytorch([()] * 6, schedulers.StepLR, step_size=2, gamma=0.1)
    assert rates(1, policy="step", step_epochs=2) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("policy", ["constant", "plateau"])
def test_nothing_falls_by_itself(policy):
    assert rates(policy=policy).tolist() == [1] * 14


@pytest.mark.parametrize("policy", ["linear", "cosine", "step", "constant", "plateau"])
def test_warm_up_rises_with_every_step_to_what_the_policy_has_there(policy):
    settings = {"policy": policy, "step_epochs": 2}
    plain, warm = rates(**settings), rates(**settings, warmup_epochs=2)
    rising = [1 / 5, 2 / 5, 3 / 5, 4 / 5] + [1] * 10
    assert warm == pytest.approx(plain * rising, rel=1e-14)
    assert warm[0] > 0, "a first step at rate zero would be none"


def test_a_budget_of_steps_keeps_the_ratio_of_the_epochs():
    """Ten epochs of one step of a budget: 3 : 4 of them is 4 constant, rounded, and 6 falling."""
    levels = [1] * 4 + [1 - i / 7 for i in range(1, 7)]
    assert factors(training(), 10, 1) == pytest.approx(levels, abs=1e-15)
    # 7 steps in epochs of 3: the last epoch is not whole, but counts.
    assert factors(training(epochs_constant=1, epochs_decay=2), 7, 3) == pytest.approx(
        np.repeat([1, 2 / 3, 1 / 3], (3, 3, 1)), abs=1e-15
    )


# ------------------------------------------------------------------------------------ plateau


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("settings", [{}, {"plateau_patience": 0}, {"plateau_threshold": 0.2}])
def test_plateau_is_that_of_pytorch(seed, settings):
    section = training(policy="plateau", **settings)
    draw = np.random.default_rng(seed)
    losses = (1 + 5 * np.exp(-np.arange(120) / 8) + draw.uniform(0, 0.5, 120)).tolist()
    expected = of_pytorch(
        [(loss,) for loss in losses],
        schedulers.ReduceLROnPlateau,
        mode="min",
        factor=section.plateau_factor,
        threshold=section.plateau_threshold,
        patience=section.plateau_patience,
        eps=0,
    )
    factors = plateaus(section, losses)
    assert factors == pytest.approx(expected, rel=1e-12)
    assert len(set(factors)) > 2


def test_plateau_waits_longer_than_its_patience_and_begins_anew():
    section = training(policy="plateau", plateau_patience=2, plateau_factor=0.5)
    losses = [1.0] * 8
    assert plateaus(section, losses[:7]) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    # A hair's breadth is no improvement; a hundredth and more is.
    better = [1, 0.995, 0.992, 0.99 - 1e-9, 1, 1]
    assert plateaus(section, better) == [1] * 7
    # Without a threshold what is as good as the best is no improvement either.
    section = training(
        policy="plateau", plateau_patience=2, plateau_factor=0.5, plateau_threshold=0
    )
    assert plateaus(section, losses[:4]) == [1, 1, 1, 1, 0.5]


def test_other_policies_know_no_plateau():
    assert plateaus(training(), [1.0] * 50) == [1.0] * 51
