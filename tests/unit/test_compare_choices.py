"""What is decided for a user who did not say: device, preset, and whether they go together."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fake_gpus import Card, Driver, machine
from rich.console import Console

from harness.config.load import load_experiment
from harness.plan.plan import total_steps
from harness.plan.step_cost import paper_seconds, paper_sentence, step_flops
from harness.studies import comparison as comparing
from harness.system.errors import UserError
from harness.system.machine import find_machine
from harness.system.progress import Display
from harness.training import jobs as training_jobs
from harness.training.job import Job
from harness.training.jobs import ComparisonRequest, PreparedExperiment, check_precision
from harness.training.turns import Pace

T4 = Card("Tesla T4", 15 * 2**30, (7, 5))
H100 = Card()


def display():
    return Display(Console(file=io.StringIO(), width=1000))


def said(shown):
    return shown.console.file.getvalue()


def test_a_gpu_is_taken_where_there_is_one_and_else_the_cpu_with_the_reason():
    with machine(H100):
        found = find_machine(None)
        assert (found.device, found.device_name, found.why) == ("cuda", H100.name, "")
    with machine(H100, CUDA_VISIBLE_DEVICES=""):
        found = find_machine(None)
        assert found.device == "cpu" and "CUDA_VISIBLE_DEVICES=''" in found.why
        assert find_machine("cpu").why == "", "it was asked for"


def test_a_gpu_that_is_asked_for_and_not_there_is_one_line_with_the_reason():
    with machine(driver=Driver([], code=803)), pytest.raises(UserError) as refused:
        find_machine("cuda")
    line = str(refused.value)
    assert line.startswith("device cuda: the NVIDIA driver fails: CUDA_ERROR_SYSTEM_DRIVER_MISM")
    assert line.endswith("; use --device cpu") and "\n" not in line


@pytest.mark.parametrize("card", [H100, None])
def test_nobody_gets_the_largest_preset_without_asking(monkeypatch, card):
    """Up to the data set, which is where a comparison begins to take time."""

    class Enough(Exception):
        pass

    def prepared(experiment, *_):
        raise Enough(experiment.preset)

    monkeypatch.setattr(comparing, "prepare_data", prepared)
    shown = display()
    with machine(*([card] if card else [])), pytest.raises(Enough, match="quick"):
        comparing.compare(ComparisonRequest(), shown)
    line = said(shown)
    assert line.startswith("Preset quick, the default; --preset NAME takes another. On ")
    assert (H100.name in line) is bool(card)
    assert ("since the NVIDIA driver finds no GPU" in line) is (card is None)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("runtime.precision=bfloat16", "runtime.precision: bfloat16 needs"),
        ("runtime.tf32=true", "runtime.tf32: TF32 needs"),
    ],
)
def test_what_a_gpu_has_no_hardware_for_is_refused(setting, says):
    experiment = load_experiment(None, "smoke", [setting])
    with machine(T4):
        with pytest.raises(UserError, match=says) as refused:
            check_precision(experiment, find_machine("cuda"))
        assert "compute capability 8.0; Tesla T4 has 7.5" in str(refused.value)
        check_precision(experiment, find_machine("cpu"))
    with machine(Card(capability=(8, 0))):
        check_precision(experiment, find_machine("cuda"))


def test_plain_and_double_precision_are_for_every_gpu():
    for precision in ("float32", "float64"):
        experiment = load_experiment(None, "smoke", [f"runtime.precision={precision}"])
        with machine(T4):
            check_precision(experiment, find_machine("cuda"))


# ---------------------------------------------------------------------- what the largest would take


def test_the_largest_is_its_steps_and_flops_at_the_speed_of_each_backend():
    paper = load_experiment("any", "paper", [])
    work = total_steps(paper, 300, 200) * step_flops(paper)
    assert paper_seconds("any", (300, 200), [1e12]) == pytest.approx(work / 1e12)
    both = paper_seconds("any", (300, 200), [1e12, 2e12])
    assert both == pytest.approx(1.5 * work / 1e12)


def test_of_a_built_in_set_the_preset_says_how_many_images_it_takes():
    small = paper_seconds("seasons", (20, 20), [1e12])
    assert small == paper_seconds("seasons", (1000, 1000), [1e12])
    # 200 epochs of 1,000 images at 1.885 TFLOP a step, counted by hand elsewhere.
    assert small == pytest.approx(200_000 * 1.8846, rel=0.01)


def test_it_is_worded_as_a_bound_and_says_how_to_measure():
    line = paper_sentence(3 * 3600, 2, "here")
    assert "PRESET=paper would take at most about 3 hours here for each seed, both back" in line
    assert "make estimate PRESET=paper" in line
    assert "3 hours here for each seed. This is" in paper_sentence(3 * 3600, 1, "here")
    assert "about 12 days" in paper_sentence(12.2 * 86400, 2, "here")
    assert "about 2 days on a GPU for each seed, all 3 back" in paper_sentence(
        172800, 3, "on a GPU"
    )
    assert "about 47 hours" in paper_sentence(47 * 3600, 2, "here")


@pytest.mark.parametrize(("preset", "times"), [(None, 1), ("quick", 0)])
def test_it_is_told_once_and_only_where_the_preset_was_not_chosen(
    monkeypatch, tmp_path, preset, times
):
    """By `compare` of two seeds, with data, trainings and scores left out."""
    experiment = load_experiment("seasons", "quick", [])
    images = dict.fromkeys(("trainA", "trainB", "testA", "testB"), np.zeros((10, 1, 1, 3)))
    paces = {"torch": Pace(0.05, 1.0, 100, 2), "tf": Pace(0.1, 1.0, 100, 2)}
    jobs = [[Job(name, 0, "", "cpu", "", 2, {}, {}) for name in paces] for _ in range(2)]
    instead = {
        "prepare_data": lambda *_: None,
        "set_up": lambda *_: PreparedExperiment(experiment, None, tmp_path),
        "begin": lambda *_: images,
        "check_function": lambda *_: None,
        "follow_course": lambda *_: None,
        "jobs_left": lambda *_: jobs,
        "_left_alone": lambda *_: False,
        "train_seed": lambda jobs, timing, display, estimate, _: estimate(paces),
        "score": lambda *_: tmp_path,
    }
    for name, function in instead.items():
        monkeypatch.setattr(
            comparing if hasattr(comparing, name) else training_jobs, name, function
        )
    shown = display()
    with machine():
        comparing.compare(ComparisonRequest(preset=preset), shown)
    assert said(shown).count(" from here (") == 2, "once a seed"
    assert "2 runs of 2800 steps" in said(shown) and "for scores and report" in said(shown)
    assert said(shown).count("PRESET=paper would take at most") == times
    seconds = (
        0.15 / step_flops(experiment) * 200_000 * step_flops(load_experiment(None, "paper", []))
    )
    assert (f"{seconds / 86400:,.0f} days here" in said(shown)) is bool(times)
