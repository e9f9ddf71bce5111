"""TensorBoard's event files, read back with TensorBoard's own reader."""

import hashlib
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from report_experiment import STEPS, build, write_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from backends.objective import RECORDED
from harness.records.experiment import load
from harness.report.comparison import write_report
from harness.report.comparison.tensorboard import FILE, POINTS, ROWS, SHOWN, curve, event_files
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, read_table, write_arrays, write_bytes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("three"), seeds=(0, 1))
    run = folder / "runs/cpu-example/tf-seed1"
    weights = {"g_ab/first/kernel": np.arange(9.0, dtype=np.float32), "d_a/first/bias": np.ones(2)}
    write_arrays(run / "state.safetensors", {**weights, "adam_m/g_ab/first/kernel": np.ones(9)})
    for step in range(1, 2 * SHOWN):
        early = run / f"evaluations/step-{step:08d}.safetensors"
        write_arrays(early, read_arrays(run / "evaluations/step-00000000.safetensors"))
    write_run(folder, "cpu-example", "torch", 2, state="failed")
    for name, content in event_files(load(folder)).items():
        write_bytes(folder / name, content)
    return folder


@pytest.fixture(scope="module")
def reader(folder):
    return reading(folder / "tensorboard/cpu-example/tf-seed1")


def reading(folder):
    keep_all = {"scalars": 0, "images": 0, "histograms": 0}
    reader = EventAccumulator(str(folder), size_guidance=keep_all)
    reader.Reload()
    return reader


def points(reader, tag):
    return [(event.step, event.value) for event in reader.Scalars(tag)]


def test_every_score_of_every_run_can_be_read_back(folder, reader):
    rows = read_json(folder / "metrics.json")["scores"]
    found = [row for row in rows if (row["backend"], row["seed"]) == ("tf", 1)]
    assert len(found) > 10
    for row in found:
        tag = f"{row['metric']}/{row['direction']}"
        assert (row["step"], pytest.approx(row["value"])) in points(reader, tag)
    assert {"accuracy_a/fake_in_test", "step_ms/median"} <= set(reader.Tags()["scalars"])


def test_losses_are_there_in_every_convention_they_have(folder, reader):
    losses = next(r for r in load(folder).runs if (r.backend, r.seed) == ("tf", 1)).losses
    pixels = 32 * 32 * 3
    for term, factors in {
        "cycle_a": {"mean": 1, "unnormalised": pixels, "normalised": 0.5, "weighted": 10},
        "adversarial_ab": {"mean": 1, "weighted": 1},
        "identity_b": {"mean": 1, "unnormalised": pixels, "normalised": 0.5, "weighted": 5},
        "discriminator_b": {"mean": 1, "weighted": 0.5},
    }.items():
        tags = {tag for tag in reader.Tags()["scalars"] if tag.startswith(f"{term}/")}
        assert tags == {f"{term}/{convention}" for convention in factors}
        for convention, factor in factors.items():
            expected = np.float32(losses[term] * factor)
            steps, values = zip(*points(reader, f"{term}/{convention}"), strict=True)
            assert steps == tuple(range(STEPS)) and np.array_equal(np.float32(values), expected)


def test_a_long_curve_keeps_its_mean_and_its_divergence_in_few_points():
    steps, values = np.arange(200_003), np.random.default_rng(0).normal(3, 1, 200_003)
    found = list(curve("t", steps, values))
    assert len(found) == POINTS
    assert [step for step, _ in found] == sorted({step for step, _ in found})
    assert np.mean([value.simple_value for _, value in found]) == pytest.approx(values.mean(), 1e-4)
    values[150_000] = np.nan
    spoilt = [step for step, value in curve("t", steps, values) if np.isnan(value.simple_value)]
    assert len(spoilt) == 1 and abs(spoilt[0] - 150_000) < 201


def test_images_are_rows_of_a_few_test_images_at_a_few_steps(reader):
    found = reader.Images("images/ab")
    steps = [event.step for event in found]
    assert len(steps) == SHOWN and steps[0] == 0 and steps[-1] == STEPS
    sizes = [Image.open(io.BytesIO(e.encoded_image_string)).size for e in found]
    assert sizes[0] == (2 * 32, ROWS * 32)
    assert sizes[-1] == (3 * 32, ROWS * 32), "with the round trip"
    assert (found[-1].width, found[-1].height) == sizes[-1]


def test_an_image_row_is_original_translation_and_round_trip(folder, reader):
    png = reader.Images("images/ba")[-1].encoded_image_string
    first = np.hsplit(np.asarray(Image.open(io.BytesIO(png)))[:32], 3)
    made = load(folder).of("tf")[1].final_evaluation
    for tile, images in zip(first, (load(folder).references["real_b"], made["ba"], made["bab"]),
                            strict=True):  # fmt: skip
        assert np.array_equal(tile, images[0])


def test_histograms_are_of_patches_and_of_each_network_s_weights(reader):
    [network] = reader.Histograms("weights/g_ab")
    value = network.histogram_value
    assert network.step == STEPS and (value.min, value.max, value.num) == (0, 8, 9)
    assert sum(value.bucket) == 9 and value.sum == 36
    [same] = reader.Histograms("weights/d_a")
    assert sum(same.histogram_value.bucket) == 2
    assert "weights/d_b" not in reader.Tags()["histograms"]
    patches = reader.Histograms("discriminators/fake_b")
    assert len(patches) == SHOWN and patches[-1].histogram_value.num == 12 * 9


def test_hyper_parameters_are_the_configuration_and_metrics_are_scores(reader):
    tags = reader.PluginTagToContent(metadata.PLUGIN_NAME)
    start = metadata.parse_session_start_info_plugin_data(tags[metadata.SESSION_START_INFO_TAG])
    given = start.hparams
    assert (given["backend"].string_value, given["seed"].number_value) == ("tf", 1)
    assert given["objective.lambda_a"].number_value == 10
    assert given["objective.halve_discriminator"].bool_value is True
    table = metadata.parse_experiment_plugin_data(tags[metadata.EXPERIMENT_TAG])
    assert {info.name for info in table.hparam_infos} == set(given)
    metrics = [info.name.tag for info in table.metric_infos]
    assert metrics[0] == "kid_efflite0/ab" and set(metrics) <= set(reader.Tags()["scalars"])


def test_a_run_that_failed_shows_its_losses_and_one_without_any_record_is_left_out(folder):
    failed = reading(folder / "tensorboard/cpu-example/torch-seed2")
    assert len(points(failed, "cycle_b/weighted")) == STEPS // 2
    assert "kid_efflite0/ab" not in failed.Tags()["scalars"]
    files = event_files(load(folder))
    assert len(files) == 5 and all(name.endswith(FILE) for name in files)
    run = write_run(folder, "cpu-example", "torch", 3, state="running")
    (run / "losses.csv").unlink()
    assert event_files(load(folder)).keys() == files.keys()


def test_an_interrupted_run_shows_its_losses_up_to_the_last_checkpoint(tmp_path):
    folder = build(tmp_path, backends=("torch",))
    run = write_run(folder, "cpu-example", "tf", 0, state="interrupted")
    rows = run_losses(run)
    (run / "losses.csv").unlink()
    for step in (10, 20):
        state = {"step": np.array(step), "g_ab/w": np.ones(3)}
        write_arrays(run / f"checkpoint-{step:08d}.safetensors",
                     {**state, "record/losses": rows[:step]})  # fmt: skip
    (run / "checkpoint-00000030.safetensors").write_bytes(b"half")
    [name] = [name for name in event_files(load(folder)) if "/tf-" in name]
    write_bytes(folder / name, event_files(load(folder))[name])
    found = points(reading((folder / name).parent), "cycle_a/weighted")
    place = RECORDED.index("cycle_a")
    assert found == [(i, pytest.approx(10 * rows[i, place])) for i in range(20)]


def run_losses(run):
    table = read_table(run / "losses.csv")
    return np.stack(
        [table[name] if name in table else np.zeros(len(table)) for name in RECORDED], 1
    )


def test_a_damaged_state_is_named_and_nothing_is_written(tmp_path):
    folder = build(tmp_path)
    (folder / "runs/cpu-example/tf-seed0/state.safetensors").write_bytes(b"x" * 100)
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError, match=r"tf-seed0/state.safetensors: not an array file"):
        write_report(folder)
    assert sorted(folder.rglob("*")) == before


def test_the_bytes_are_the_same_in_another_process_and_no_framework_is_loaded(folder):
    program = (
        "import sys, hashlib; from pathlib import Path;"
        "from harness.records.experiment import load;"
        "from harness.report.comparison.tensorboard import event_files;"
        "files = event_files(load(Path(sys.argv[1])));"
        "print(hashlib.sha256(b''.join(files.values())).hexdigest());"
        "assert not {'torch', 'tensorflow'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", program, str(folder)]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    here = b"".join(event_files(load(folder)).values())
    assert there.strip() == hashlib.sha256(here).hexdigest()
