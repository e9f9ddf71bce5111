import json

import numpy as np
import pytest
from child_stand_ins import stand_in

from harness.config.metric_table import BY_NAME, METRICS
from harness.metrics import evaluate as module
from harness.metrics import features as features_module
from harness.metrics.evaluate import evaluate
from harness.metrics.frechet import frechet_distance
from harness.metrics.kid import kid
from harness.metrics.scoring import spaced
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, write_arrays, write_json

COUNT_A, COUNT_B, SIDE = 7, 5, 16


def pictures(count, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def near(images, seed):
    offset = np.random.default_rng(seed).integers(-20, 21, images.shape)
    return np.clip(images.astype(int) + offset, 0, 255).astype(np.uint8)


def fake_features(sets, extractor=None, cache=None, report=None, weights=None):
    """Sixteen cheap numbers an image instead of the extractor's 1280."""
    return {name: images.reshape(len(images), -1)[:, :16] / 64.0 for name, images in sets.items()}


def write_run(folder, backend, seed, references, state="complete"):
    run = folder / "runs" / "some-cpu" / f"{backend}-seed{seed}"
    status = {"backend": backend, "seed": seed, "state": state, "step": 20, "steps": 20}
    write_json(run / "status.json", status)
    real_a, real_b = references["real_a"], references["real_b"]
    salt = 100 * seed + len(backend)
    for step in (0, 20):
        arrays = {"ab": near(real_a, salt + step), "ba": near(real_b, salt + step + 1)}
        if step:
            arrays |= {"aba": near(real_a, salt + 2), "bab": near(real_b, salt + 3)}
        rng = np.random.default_rng(salt + step)
        for side, count in (("a", COUNT_A), ("b", COUNT_B)):
            for target, middle in (("real", 0.6), ("fake", 0.4)):
                patches = rng.normal(middle, 0.3, (count, 2, 2)).astype(np.float32)
                arrays[f"patches_{target}_{side}"] = patches
        write_arrays(run / "evaluations" / f"step-{step:08d}.safetensors", arrays)


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(module, "features", fake_features)
    monkeypatch.setattr(module, "find_weights", lambda: None)


def write_experiment(folder):
    references = {"real_a": pictures(COUNT_A, 1), "real_b": pictures(COUNT_B, 2)}
    references |= {"floor_a": pictures(6, 3), "floor_b": pictures(4, 4)}
    references |= {"truth_ab": pictures(COUNT_A, 5), "truth_ba": pictures(COUNT_B, 6)}
    write_arrays(folder / "references.safetensors", references)
    # Not in alphabetical order, so that the order of the differences shows where it is from.
    configuration = {"backends": ["torch", "tf"]}
    write_json(folder / "experiment.json", {"dataset": "x", "configuration": configuration})
    for seed in (0, 1):
        write_run(folder, "torch", seed, references)
        write_run(folder, "tf", seed, references)
    return folder


@pytest.fixture
def experiment(tmp_path):
    """A folder of one's own, to change."""
    return write_experiment(tmp_path)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """An experiment's folder, what `evaluate` returned and what it reported."""
    folder, progress = write_experiment(tmp_path_factory.mktemp("evaluated")), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "features", fake_features)
        patch.setattr(module, "find_weights", lambda: None)
        metrics = evaluate(folder, lambda *done: progress.append(done))
    return folder, metrics, progress


# Without the FID network's weights and without labels.
MEASURED = {metric.name for metric in METRICS} - {"fid", "judge_accuracy"}


def silent(*progress):
    pass


def rows(table, **wanted):
    return [row for row in table if all(row[key] == value for key, value in wanted.items())]


def test_every_metric_is_scored_in_both_directions_where_its_images_exist(evaluated):
    scores = evaluated[1]["scores"]
    for direction in ("ab", "ba"):
        at = {"direction": direction, "backend": "tf", "seed": 1, "device": "some-cpu"}
        last = {row["metric"] for row in rows(scores, **at, step=20)}
        assert last == MEASURED
        first = {row["metric"] for row in rows(scores, **at, step=0)}
        assert first == {name for name in MEASURED if BY_NAME[name].family != "cycle"}
    assert len(scores) == 4 * 2 * (8 + 6)


def test_what_is_written_is_what_is_returned_in_the_schema(evaluated):
    experiment, metrics, progress = evaluated
    assert progress[0] == ("scores", 0, 8) and progress[-1] == ("scores", 8, 8)
    assert read_json(experiment / "metrics.json") == {"schema_version": 1, **metrics}
    json.dumps(metrics, allow_nan=False)
    bounds = {"value", "low", "high", "n"}
    place = {"metric", "direction", "device", "seed", "step", "weights"}
    assert all(set(row) == place | bounds | {"backend"} for row in metrics["scores"])
    assert all(set(row) == place | bounds | {"backends"} for row in metrics["differences"])
    baselines = {f"{name}_baseline" for name in ("identity", "colour", "mean")}
    reference = {"metric", "direction", "floor", "n"} | baselines
    assert all(set(row) == reference for row in metrics["references"])
    assert all(row["low"] < row["value"] < row["high"] for row in metrics["scores"])


def test_differences_are_first_minus_second_of_the_configured_order(evaluated):
    metrics = evaluated[1]
    assert len(metrics["differences"]) == len(metrics["scores"]) / 2
    for row in metrics["differences"]:
        assert row["backends"] == ["torch", "tf"]
        at = {key: row[key] for key in ("metric", "direction", "device", "seed", "step")}
        first, second = (rows(metrics["scores"], **at, backend=one)[0] for one in ("torch", "tf"))
        assert row["value"] == pytest.approx(first["value"] - second["value"], abs=1e-12)
        assert row["low"] < row["value"] < row["high"]
        assert row["n"] == first["n"]


def test_seeds_and_devices_are_never_paired_with_others(experiment):
    (experiment / "runs/other-gpu").mkdir()
    (experiment / "runs/some-cpu/torch-seed0").rename(experiment / "runs/other-gpu/torch-seed0")
    metrics = evaluate(experiment, silent)
    assert {row["seed"] for row in metrics["differences"]} == {1}
    assert {row["device"] for row in metrics["scores"]} == {"some-cpu", "other-gpu"}


def test_only_complete_runs_are_scored(experiment):
    status = experiment / "runs/some-cpu/tf-seed1/status.json"
    write_json(status, {**read_json(status), "state": "interrupted"})
    metrics = evaluate(experiment, silent)
    assert rows(metrics["scores"], backend="tf", seed=1) == []
    assert {row["seed"] for row in metrics["differences"]} == {0}


def test_references_compare_real_with_real_and_the_untranslated_images(evaluated):
    experiment, metrics, _ = evaluated
    references, table = read_arrays(experiment / "references.safetensors"), metrics["references"]
    vectors = fake_features(references)
    (row,) = rows(table, metric="kid_efflite0", direction="ba")
    assert row["floor"] == pytest.approx(kid(vectors["floor_a"], vectors["real_a"]))
    assert row["identity_baseline"] == pytest.approx(kid(vectors["real_b"], vectors["real_a"]))
    assert row["n"] == COUNT_B
    (row,) = rows(table, metric="pair_mae", direction="ab")
    gap = references["real_a"].astype(float) - references["truth_ab"]
    assert row["identity_baseline"] == pytest.approx(np.abs(gap).mean())
    assert (row["floor"], row["n"]) == (None, COUNT_A)
    (row,) = rows(table, metric="cycle_psnr", direction="ab")
    assert (row["floor"], row["identity_baseline"], row["n"]) == (None, None, COUNT_A)
    assert len(table) == 16


def test_baselines_have_the_colours_or_the_mean_of_other_images_of_the_target(evaluated):
    experiment, metrics, _ = evaluated
    references, table = read_arrays(experiment / "references.safetensors"), metrics["references"]
    source, others = references["real_a"], references["floor_b"].astype(float)
    coloured = np.empty_like(source)
    for channel in range(3):
        values, wanted = source[..., channel].astype(float), others[..., channel]
        scaled = (values - values.mean()) / values.std() * wanted.std() + wanted.mean()
        coloured[..., channel] = np.rint(np.clip(scaled, 0, 255))
    truth = references["truth_ab"].astype(float)
    (row,) = rows(table, metric="pair_mae", direction="ab")
    assert row["colour_baseline"] == pytest.approx(np.abs(coloured - truth).mean())
    assert row["mean_baseline"] == pytest.approx(np.abs(np.rint(others.mean(0)) - truth).mean())
    vectors = fake_features({"colours": coloured, "real": references["real_b"]})
    (row,) = rows(table, metric="kid_efflite0", direction="ab")
    assert row["colour_baseline"] == pytest.approx(kid(vectors["colours"], vectors["real"]))
    assert row["mean_baseline"] is None


def test_weights_of_the_last_step_are_scored_beside_averaged_ones(experiment):
    record = read_json(experiment / "experiment.json")
    record["configuration"]["objective"] = {"average": 0.9}
    write_json(experiment / "experiment.json", record)
    real_a = read_arrays(experiment / "references.safetensors")["real_a"]
    for run in (experiment / "runs/some-cpu").iterdir():
        file = run / "evaluations/step-00000020.safetensors"
        write_arrays(file, {**read_arrays(file), "last_ab": near(real_a, 7)})
    metrics = evaluate(experiment, silent)
    assert {row["weights"] for row in metrics["scores"]} == {"average"}
    last = metrics["last_step"]
    at = {"metric": "kid_efflite0", "direction": "ab", "step": 20, "seed": 1}
    (row,) = rows(last["scores"], **at, backend="tf")
    references = read_arrays(experiment / "references.safetensors")
    made = fake_features({"last": near(real_a, 7), "real": references["real_b"]})
    assert row["value"] == pytest.approx(kid(made["last"], made["real"]))
    assert {row["weights"] for row in last["scores"]} == {"last"}
    assert {row["direction"] for row in last["differences"]} == {"ab"}
    assert not any(row["metric"].startswith("cycle") for row in last["scores"])


def test_model_floor_and_baseline_of_the_frechet_distance_share_one_count(evaluated):
    experiment, metrics, _ = evaluated
    vectors = fake_features(read_arrays(experiment / "references.safetensors"))
    for direction, n in (("ab", 4), ("ba", 5)):  # the smallest of source, target and floor
        at = {"metric": "fd_efflite0", "direction": direction}
        assert {row["n"] for row in rows(metrics["scores"], **at)} == {n}
        assert [row["n"] for row in rows(metrics["references"], **at)] == [n]
    (row,) = rows(metrics["references"], metric="fd_efflite0", direction="ab")
    target = spaced(vectors["real_b"], 4)
    assert row["floor"] == pytest.approx(frechet_distance(vectors["floor_b"], target))
    expected = frechet_distance(spaced(vectors["real_a"], 4), target)
    assert row["identity_baseline"] == pytest.approx(expected)
    at |= {"direction": "ab", "backend": "tf", "seed": 1, "step": 20}
    (row,) = rows(metrics["scores"], **at)
    run = experiment / "runs/some-cpu/tf-seed1/evaluations/step-00000020.safetensors"
    fake = fake_features({"ab": read_arrays(run)["ab"]})["ab"]
    assert row["value"] == pytest.approx(frechet_distance(spaced(fake, 4), target))


def test_spaced_rows_are_spread_over_the_whole_split_in_order():
    assert spaced(np.arange(10), 4).tolist() == [0, 2, 5, 7]
    assert spaced(np.arange(5), 5).tolist() == [0, 1, 2, 3, 4]
    assert spaced(np.arange(5), 0).tolist() == []


def test_without_true_pairs_there_are_no_pair_metrics(experiment):
    path = experiment / "references.safetensors"
    kept = {name: a for name, a in read_arrays(path).items() if "truth" not in name}
    write_arrays(path, kept)
    metrics = evaluate(experiment, silent)
    tables = (metrics[name] for name in ("scores", "differences", "references"))
    names = {row["metric"] for table in tables for row in table}
    assert names == {name for name in MEASURED if BY_NAME[name].family != "pair"}


def test_images_too_small_for_a_checkerboard_are_scored_without_it(experiment, monkeypatch):
    monkeypatch.setattr(module, "SMALLEST", SIDE + 1)
    metrics = evaluate(experiment, silent)
    names = {row["metric"] for table in (metrics["scores"], metrics["references"]) for row in table}
    assert names == MEASURED - {"checkerboard"}


@pytest.mark.parametrize("side", ["a", "b"])
def test_the_smallest_side_of_either_domain_decides_about_the_checkerboard(tmp_path, side):
    references = {name: pictures(2, 0) for name in module.REFERENCES}
    references |= {f"{kind}_{side}": pictures(2, 0)[:, :, 1:] for kind in ("real", "floor")}
    assert module.Scorer(tmp_path, references, [], "last", silent).yardstick.energy == {}


def test_discriminators_without_targets_are_judged_about_zero(experiment):
    record = read_json(experiment / "experiment.json")
    record["configuration"]["objective"] = {"adversarial": "vanilla"}
    write_json(experiment / "experiment.json", record)
    row = evaluate(experiment, silent)["discriminators"][0]
    run = experiment / f"runs/some-cpu/{row['backend']}-seed{row['seed']}"
    patches = read_arrays(run / "evaluations/step-00000000.safetensors")["patches_real_a"]
    assert row["accuracy_real"] == pytest.approx((patches > 0).mean()) != (patches > 0.5).mean()


def test_features_are_cached_in_the_experiment_and_extracted_once(experiment, monkeypatch):
    started = []

    def compute(images):
        return np.resize(images.reshape(len(images), -1), (len(images), 1280)) / 64.0

    monkeypatch.setattr(module, "features", features_module.features)
    monkeypatch.setattr(features_module, "Child", stand_in(started, compute))
    first = evaluate(experiment, silent)
    assert evaluate(experiment, silent) == first
    assert len(started) == 1
    assert len(list((experiment / "features").iterdir())) == 4 + 2 + 4 * 2 * 2


def test_discriminators_are_judged_on_held_out_images_at_every_step(evaluated):
    experiment, metrics, _ = evaluated
    table = metrics["discriminators"]
    assert len(table) == 4 * 2 * 2
    [row] = rows(table, backend="tf", seed=1, step=20, domain="b", device="some-cpu")
    file = experiment / "runs/some-cpu/tf-seed1/evaluations/step-00000020.safetensors"
    arrays = read_arrays(file)
    assert row["accuracy_real"] == pytest.approx((arrays["patches_real_b"] > 0.5).mean())
    assert row["accuracy_fake"] == pytest.approx((arrays["patches_fake_b"] < 0.5).mean())
    assert row["mean_fake"] == pytest.approx(arrays["patches_fake_b"].mean(), rel=1e-5)


def test_fid_is_scored_with_its_weights_only_at_the_last_step_and_against_the_same_counts(
    experiment, monkeypatch, tmp_path
):
    asked = []

    def listening(sets, extractor, cache, report, weights=None):
        assert (cache, report) == (experiment / "features", silent)
        asked.append((extractor.name, sorted(sets), weights))
        return fake_features(sets)

    monkeypatch.setattr(module, "features", listening)
    monkeypatch.setattr(module, "find_weights", lambda: tmp_path / "weights.pth")
    metrics = evaluate(experiment, silent)
    (_, _, without), (name, sets, weights) = asked
    assert name == "inception-2015-12-05" and weights == tmp_path / "weights.pth"
    assert without is None and len(sets) == 4 + 2 + 4 * 2, "real, recoloured, final translations"
    fid, fd = (rows(metrics["scores"], metric=name) for name in ("fid", "fd_efflite0"))
    assert {row["step"] for row in fid} == {20} and len(fid) == 8
    # The stand-in gives both networks' features alike: so must the distances be.
    assert [row["value"] for row in fid] == [row["value"] for row in fd if row["step"] == 20]
    assert {row["n"] for row in fid} == {4, 5}
    assert len(rows(metrics["references"], metric="fid")) == 2


def test_an_experiment_without_complete_runs_is_refused(experiment):
    for status in experiment.glob("runs/*/*/status.json"):
        write_json(status, {**read_json(status), "state": "failed"})
    with pytest.raises(UserError, match="no complete run"):
        evaluate(experiment, silent)
    assert not (experiment / "metrics.json").exists()


FITTING = {"ab": pictures(COUNT_A, 0), "ba": pictures(COUNT_B, 0)}


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"ab": pictures(COUNT_A, 0)}, "no array 'ba'"),
        ({"ab": pictures(COUNT_A - 1, 0), "ba": pictures(COUNT_B, 0)}, "'ab' is uint8"),
        ({"ab": pictures(COUNT_A, 0) / 2, "ba": pictures(COUNT_B, 0)}, "'ab' is float64"),
        ({**FITTING, "last_ba": pictures(COUNT_A, 0)}, "'last_ba' is uint8"),
        ({**FITTING, "bab": pictures(COUNT_A, 0)}, "'bab' is uint8"),
    ],
)
def test_translations_that_do_not_fit_are_named_in_one_line(experiment, arrays, problem):
    file = experiment / "runs/some-cpu/tf-seed0/evaluations/step-00000020.safetensors"
    write_arrays(file, arrays)
    with pytest.raises(UserError, match=problem) as caught:
        evaluate(experiment, silent)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_references_that_lack_an_array_are_refused(experiment):
    write_arrays(experiment / "references.safetensors", {"real_a": pictures(2, 0)})
    with pytest.raises(UserError, match="no array 'real_b'"):
        evaluate(experiment, silent)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("floor_b", pictures(4, 4)[:, 1:]),
        ("real_a", pictures(COUNT_A, 1)[..., 0]),
        ("truth_ab", pictures(COUNT_A - 1, 5)),
    ],
)
def test_references_that_do_not_fit_are_named_in_one_line(experiment, name, array):
    path = experiment / "references.safetensors"
    write_arrays(path, {**read_arrays(path), name: array})
    with pytest.raises(UserError, match=rf"references\.safetensors: '{name}' is uint8") as caught:
        evaluate(experiment, silent)
    assert "\n" not in str(caught.value)


def test_what_was_scored_before_is_not_scored_again_and_counts_as_if_it_were(
    experiment, monkeypatch
):
    known = {}
    evaluate(experiment, print, known)
    references = read_arrays(experiment / "references.safetensors")
    write_run(experiment, "torch", 2, references)
    write_run(experiment, "tf", 2, references)
    scored = []
    real = module.model_scores

    def counting(direction, yardstick, translations):
        scored.append(direction)
        return real(direction, yardstick, translations)

    monkeypatch.setattr(module, "model_scores", counting)
    after = evaluate(experiment, print, known)
    assert len(scored) == 2 * 2 * 2, "two runs, two steps, two directions"
    assert after == evaluate(experiment, print)
