"""Noise floor, ratios and effects of defaults, on tables whose answer is known."""

import math
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from child_stand_ins import stopping

from backends.interface import Runtime
from harness.config.load import load_experiment
from harness.plan.initial_weights import nudge
from harness.studies.consistency import launch
from harness.studies.consistency.defaults import DEFAULTS, switched
from harness.studies.consistency.divergence import neutral_changes
from harness.studies.consistency.effects import YARDSTICK, early_step, effect_of
from harness.studies.consistency.floor import (
    early_steps,
    floor,
    late_steps,
    not_neutral,
    summarise,
)
from harness.studies.consistency.launch import Planned, pending, setting
from harness.studies.consistency.trajectory import (
    MEASURES,
    Against,
    Sample,
    Trajectory,
    distances,
    start_of,
)
from harness.system.errors import UserError, WorkerFailed

STEPS = 40


def curve(scale, steps=STEPS, saturation=0.1):
    """Grows tenfold every four steps, then stays; step 0 has no losses."""
    grown = np.minimum(scale * 10 ** (np.arange(steps + 1) / 4), saturation)
    table = pd.DataFrame({"step": np.arange(steps + 1), "weights": grown, "outputs": 3 * grown})
    return table.assign(losses=np.where(table["step"] > 0, 2 * grown, np.nan))


def labelled(table, kind, backend, variant, draw=0, reference=None):
    labels = {"kind": kind, "reference": reference or backend, "backend": backend}
    return table.assign(**labels, variant=variant, draw=draw)


def study(gap=4e-7):
    """Floors: ulp draws 1e-7 and 4e-7 and threads 2e-7, so 2e-7, in both backends."""
    parts = [labelled(curve(gap), "between", "b", "same", reference="a")]
    for backend in "ab":
        moved = curve(1e-7).assign(weights=0.02)
        parts += [
            labelled(moved, "moved", backend, "same"),
            labelled(curve(1e-7), "within", backend, "ulp", 0),
            labelled(curve(4e-7), "within", backend, "ulp", 1),
            labelled(curve(2e-7), "within", backend, "threads"),
        ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def ratios():
    return summarise(study())


def find(ratios, measure, phase):
    [ratio] = [each for each in ratios if (each.measure, each.phase) == (measure, phase)]
    return ratio


def test_the_floor_is_a_geometric_mean_in_which_a_variant_counts_once():
    table = study()
    assert floor(table, ("a", "b"), "weights")[1] == pytest.approx(curve(2e-7)["weights"][1])
    many = [labelled(curve(1e-7), "within", "a", "threads", draw) for draw in range(1, 9)]
    rows = table[~((table["backend"] == "a") & (table["variant"] == "threads"))]
    weighted = pd.concat([rows, labelled(curve(2e-7), "within", "a", "threads"), *many])
    ulp, threads = 2e-7, (2e-7 * 1e-7**8) ** (1 / 9)
    expected = math.sqrt(math.sqrt(ulp * threads) * 2e-7) * 10 ** (1 / 4)
    assert floor(weighted, ("a", "b"), "weights")[1] == pytest.approx(expected)


def test_a_change_that_has_not_acted_yet_does_not_pull_the_floor_to_zero():
    table = study()
    silent = (table["variant"] == "threads") & (table["step"] < 5)
    table.loc[silent, list(MEASURES)] = 0.0
    own = floor(table, ("a",), "weights")
    assert own[2] == pytest.approx(curve(2e-7)["weights"][2])
    assert own[10] == pytest.approx(curve(2e-7)["weights"][10])


def test_the_ratio_to_the_floor_is_recovered_early_and_is_one_when_saturated(ratios):
    for measure in MEASURES:
        early, late = (find(ratios, measure, phase) for phase in ("early", "late"))
        # 4e-7 * 10 ** (n / 4) reaches 1e-2 between steps 17 and 18.
        assert (early.first_step, early.last_step) == (1, 17)
        assert (early.low, early.ratio, early.high) == pytest.approx((1.0, 2.0, 4.0))
        assert early.curves == 6
        assert (late.first_step, late.last_step) == (31, 40)
        assert late.ratio == pytest.approx(1.0)


def test_sentences_claim_no_more_than_the_draws_give(ratios):
    ratio = find(ratios, "weights", "early")
    assert "noise floor is 2 (from 1 to 4 for the 6 neutral changes" in ratio.sentence
    for low, high, ending in (
        (0.1, 0.6, "not clearly outside the effects of neutral changes."),
        (1.9, 7.0, "not clearly outside the effects of neutral changes."),
        (2.1, 9.0, "clearly larger than the effect of every neutral change."),
        (0.1, 0.4, "clearly smaller than the effect of every neutral change."),
    ):
        assert replace(ratio, low=low, high=high).sentence.endswith(ending)
    nothing = {"between": None, "ratio": None, "low": None, "high": None}
    assert replace(ratio, first_step=None).sentence == "weights, early: no such steps."
    assert replace(ratio, **nothing).sentence.endswith("b and a do not differ at all.")
    deaf = replace(ratio, **{**nothing, "between": 1e-6})
    assert deaf.sentence.endswith("so there is no noise floor.")


def test_what_does_not_differ_or_has_no_floor_has_no_numbers():
    early, *_ = summarise(study(2e-2))
    assert early.first_step is None and early.ratio is None
    table = study(0.0)
    table.loc[table["kind"] == "within", list(MEASURES)] = 0.0
    for ratio in summarise(table):
        assert (ratio.between, ratio.floor, ratio.ratio, ratio.low) == (None, None, None, None)


def test_a_training_that_diverged_leaves_the_rest_in_place():
    table = study()
    hurt = (table["variant"] == "threads") & (table["step"] > 20)
    table.loc[hurt, list(MEASURES)] = np.nan
    late = find(summarise(table), "weights", "late")
    assert late.ratio == pytest.approx(1.0) and late.curves == 4


def test_a_change_that_is_not_neutral_is_named_and_left_out(ratios):
    plain = study()
    wrong = labelled(curve(1e-7).assign(weights=8e-3), "within", "b", "channels_last")
    # A value carried over a kink moves some weights the other way: that is rounding.
    kink = labelled(curve(2e-7), "within", "a", "onednn")
    kink.loc[kink["step"] == 1, "weights"] = 0.03 * 0.02
    failed = labelled(curve(1e-7).assign(weights=np.nan), "within", "a", "threads", 1)
    table = pd.concat([plain, wrong, failed], ignore_index=True)
    changes = not_neutral(table)[["backend", "variant"]].to_numpy().tolist()
    assert changes == [["b", "channels_last"], ["a", "threads"]]
    assert len(not_neutral(plain)) == 0
    assert summarise(table) == ratios
    assert len(not_neutral(pd.concat([plain, kink]))) == 0


def test_early_ends_where_the_backends_part_for_the_first_time():
    assert early_steps(pd.Series([0.0, 1e-6, 2e-2, 1e-6])) == [1]
    assert early_steps(pd.Series([0.0, 2e-2, 1e-6])) == []
    assert late_steps(200) == list(range(151, 201)) and late_steps(2) == [2]


def rows(weights, outputs, losses):
    return {"weights": np.array(weights), "outputs": np.array(outputs), "losses": np.array(losses)}


def test_distances_are_in_the_size_of_the_reference():
    nan = np.nan
    reference = rows([[3.0, 4.0]] * 2, [[1.0, 1.0]] * 2, [[nan] * 3, [2.0, 4.0, 0.0]])
    other = rows([[3.0, 4.0], [3.0, 3.0]], [[1.0, 1.0], [2.0, 2.0]], [[nan] * 3, [1.0, 4.0, 0.0]])
    table = distances(reference, other)
    assert table["step"].tolist() == [0, 1]
    assert table["weights"].tolist() == [0.0, pytest.approx(0.2)]
    assert table["outputs"].tolist() == [0.0, pytest.approx(1.0)]
    # A term that is switched off in both is no term; there is no loss before the first step.
    assert math.isnan(table["losses"][0]) and table["losses"][1] == pytest.approx(0.25)


def test_a_nudge_is_one_unit_in_the_last_place_either_way():
    array = np.random.default_rng(0).normal(0, 0.02, 1000).astype(np.float32)
    array[:10] = 0
    moved = nudge(array, "kernel/0")
    assert moved.dtype == np.float32 and (moved[:10] == 0).all()
    apart = moved.view(np.int32)[10:].astype(int) - array.view(np.int32)[10:]
    assert set(apart) == {-1, 1} and 400 < (apart == 1).sum() < 590
    assert np.array_equal(nudge(array, "kernel/0"), moved)
    assert not np.array_equal(nudge(array, "kernel/1"), moved)


def test_the_sample_leaves_out_what_only_rounding_moves(monkeypatch):
    monkeypatch.setattr("harness.studies.consistency.trajectory.SAMPLE", 500)
    model = load_experiment("seasons", "smoke", []).networks()
    zero = model.zero_gradients()
    state = {
        name: np.full(shape, np.nan if name in zero else 1.0)
        for name, shape in model.parameter_shapes().items()
    }
    values = Sample(model).weights(state)
    assert values.shape == (500,) and (values == 1).all() and zero


def trajectory(**changes):
    experiment = load_experiment("seasons", "smoke", []).model_dump()
    values = {
        "name": "x", "experiment": experiment, "base": experiment, "images": {}, "steps": 5,
        "plan_seed": 0, "ulp_draw": None, "moved": None, "rows": "", "keep": False,
        "against": (),
    }  # fmt: skip
    return Trajectory(**{**values, **changes})


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_an_ulp_start_moves_weights_and_nothing_else(precision):
    norm = ("model.norm.kind=batch", "model.norm.affine=true")
    experiment = load_experiment("seasons", "smoke", [f"runtime.precision={precision}", *norm])
    plain, moved = (start_of(trajectory(ulp_draw=draw), experiment) for draw in (None, 0))
    changed = {name for name in plain if not np.array_equal(plain[name], moved[name])}
    assert changed == {
        name
        for name in plain
        if name.endswith(("/kernel", "/scale")) and not name.startswith(("adam", "average"))
    }
    size = np.abs(moved["g_ab/stem/kernel"] / plain["g_ab/stem/kernel"] - 1).max()
    assert 0 < size <= np.finfo(precision).eps


# ---------------------------------------------------------------------------------- resuming


def chain(folder: Path):
    """reference <- restart <- another backend's, as files below `folder`."""

    def planned(backend, name, keep, *others):
        against = tuple(
            Against(str(folder / f"{other}.rows"), str(folder / f"{name}-{other}.csv"))
            for other in others
        )
        moved = str(folder / f"{name}-moved.csv") if keep else None
        one = trajectory(
            name=name, rows=str(folder / f"{name}.rows"), keep=keep, moved=moved, against=against
        )
        return Planned(backend, "default", Runtime(), one)

    return [
        planned("a", "reference", True),
        planned("a", "restart", False, "reference"),
        planned("b", "other", False, "restart"),
    ]


def test_a_training_that_is_stopped_is_given_up(tmp_path, monkeypatch):
    children = []
    monkeypatch.setattr(launch, "Child", stopping(children, launch.SILENCE_SECONDS))
    [planned] = chain(tmp_path)[:1]
    planned = replace(planned, backend="torch")
    with pytest.raises(WorkerFailed, match=r"^torch, default: did nothing for 1 s.*log-default"):
        launch.run([planned], tmp_path, lambda *_: None)
    assert children[0].returncode == -signal.SIGKILL and not psutil.pid_exists(children[0].pid)


def names(todo):
    return [planned.trajectory.name for planned in todo]


def test_only_what_is_missing_runs_and_rows_are_kept_for_those_that_need_them(tmp_path):
    todo = pending(chain(tmp_path))
    assert names(todo) == ["reference", "restart", "other"]
    assert [each.trajectory.keep for each in todo] == [True, True, False]

    for table in ("reference-moved", "restart-reference"):
        (tmp_path / f"{table}.csv").touch()
    (tmp_path / "restart.rows").touch()
    assert names(pending(chain(tmp_path))) == ["other"]

    # Rows gone: the restart runs again, but has no table left to write and so needs no reference.
    (tmp_path / "restart.rows").unlink()
    todo = pending(chain(tmp_path))
    assert names(todo) == ["restart", "other"]
    assert todo[0].trajectory.against == () and todo[0].trajectory.keep

    (tmp_path / "restart-reference.csv").unlink()
    todo = pending(chain(tmp_path))
    assert names(todo) == ["reference", "restart", "other"] and todo[0].trajectory.moved is None

    for table in ("restart-reference", "other-restart"):
        (tmp_path / f"{table}.csv").touch()
    assert pending(chain(tmp_path)) == []


def test_more_steps_than_the_training_has_are_refused(tmp_path):
    images = {split: tmp_path / f"{split}.npy" for split in ("trainA", "trainB", "testA", "testB")}
    for path in images.values():
        np.save(path, np.zeros((3, 36, 36, 3), np.uint8))
    experiment = load_experiment("seasons", "smoke", [])

    def make(steps):
        study = setting(tmp_path, experiment, lambda _: images, steps, threads=1)
        return study, study.planned("torch", "x")

    study, _ = make(20)
    assert study.folder != make(19)[0].folder, "other steps, other trajectories"
    with pytest.raises(UserError, match=r"steps: 21 asked for, but this training has only 20"):
        make(21)
    with pytest.raises(UserError, match="steps: 1 is too few"):
        make(1)


# ------------------------------------------------------------------------------ what is varied


def test_what_cannot_be_varied_is_skipped_with_a_reason():
    known = ("onednn", "channels_last")
    changes = neutral_changes("b", Runtime(threads=2), True, ("onednn",), known)
    runtimes = {change.variant: change.runtime for change in changes}
    assert runtimes == {
        "onednn": Runtime(threads=2, onednn=False),
        "channels_last": None,
        "threads": Runtime(threads=1),
    }
    assert [change.variant for change in changes if change.skipped] == ["channels_last"]
    [threads] = neutral_changes("b", Runtime(threads=1), True, (), ())
    assert threads.runtime is None and threads.skipped
    cuda = neutral_changes("b", Runtime(device="cuda", threads=4), False, (), ())
    is_made = [(change.variant, change.skipped is None) for change in cuda]
    assert is_made == [("threads", False), ("repeat", True)]


@pytest.mark.parametrize("default", DEFAULTS, ids=lambda default: default.name)
def test_every_default_is_a_change_of_the_experiment(default):
    experiment = load_experiment("seasons", "quick", [])
    for more in ((), default.short_overrides):
        base = switched(experiment, (*default.base_overrides, *more))
        assert switched(base, default.overrides) != base
    overrides = [*default.base_overrides, *default.overrides]
    assert load_experiment("seasons", "quick", overrides) == switched(experiment, tuple(overrides))


def test_an_impossible_switch_is_a_user_error():
    with pytest.raises(UserError, match=r"model\.slope=-1"):
        switched(load_experiment("seasons", "smoke", []), ("model.slope=-1",))


# ------------------------------------------------------------------------ effects of defaults


def test_an_effect_is_in_units_of_the_floor():
    base = curve(1e-6)
    moved = base.assign(weights=0.5)
    draws = [curve(1e-6), curve(4e-6)]  # floor 2e-6
    apart = curve(2e-4)
    apart.loc[0, "weights"] = 0.0
    effect = effect_of(DEFAULTS[0], apart, moved, draws)
    # The floor passes 1e-5 at step 3: 2e-6 * 10 ** (3 / 4).
    assert effect.early_step == 3
    assert effect.early_weights == pytest.approx(100)
    assert effect.early_losses == pytest.approx(100)
    assert effect.late_outputs == pytest.approx(1)
    assert effect.one_step == pytest.approx(2e-4 * 10 ** (1 / 4) / 0.5)
    assert effect.outputs_at_start == pytest.approx(6e-4)
    assert (effect.acts_from, effect.note) == (0, "")


def test_the_effect_of_another_start_is_how_far_away_it_is():
    effect = effect_of(YARDSTICK, curve(0.05), curve(1e-6), [curve(1e-6)])
    assert effect.one_step == pytest.approx(0.05)


def test_no_effect_is_said_only_of_what_is_bit_identical():
    nothing = curve(1e-6)
    nothing[list(MEASURES)] = 0.0
    effect = effect_of(DEFAULTS[0], nothing, curve(1e-6), [curve(1e-6)])
    assert effect.note.startswith("no effect") and math.isnan(effect.acts_from)
    assert (effect.one_step, effect.early_weights, effect.late_losses) == (0, 0, 0)

    late = nothing.copy()
    late.loc[late["step"] >= 20, list(MEASURES)] = 1e-7
    effect = effect_of(DEFAULTS[0], late, curve(1e-6), [curve(1e-6)])
    assert (effect.note, effect.acts_from, effect.early_step) == ("", 20, 20)
    assert effect.one_step == 0 and effect.late_weights > 0

    # A running statistic changes outputs and no weight.
    outputs = nothing.assign(outputs=1e-3)
    effect = effect_of(DEFAULTS[0], outputs, curve(1e-6), [curve(1e-6)])
    assert effect.note == "" and effect.early_weights == 0 and effect.early_outputs > 1


def test_the_early_step_is_the_last_one_where_the_floor_stays_low():
    assert early_step(pd.Series([1e-7, 1e-6, 1e-6]), 1) == 2
    assert early_step(pd.Series([1e-4, 1e-6, 1e-4, 1e-2]), 1) == 2
    assert early_step(pd.Series([1e-4, 1e-6, 1e-4, 1e-2]), 3) == 3
