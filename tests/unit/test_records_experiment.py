"""What an experiment's folder says of its runs: order, names, settings."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from report_experiment import build, editing

from harness.records.experiment import ExperimentFolder, load
from harness.system.errors import UserError

FRAMEWORKS = {"torch": "PyTorch", "tf": "TensorFlow", "compiled": "PyTorch"}


def run(backend: str, seed: int = 0, device: str = "cpu", named: str = "a CPU") -> Any:
    environment = {"framework": FRAMEWORKS[backend], "device": named}
    return SimpleNamespace(backend=backend, seed=seed, device=device, environment=environment)


def experiment(*runs: Any, **configuration: Any) -> ExperimentFolder:
    backends = ("torch", "tf", "compiled")
    return ExperimentFolder(
        Path("e"), "set", "preset", "0", configuration, {}, {}, {}, {}, runs, (), backends
    )


def test_backends_are_in_the_configured_order_seeds_and_devices_in_their_own():
    of_two = experiment(run("tf", 3, "gpu"), run("tf", 3), run("torch", 1), run("torch", 3))
    assert of_two.present == ("torch", "tf") and of_two.seeds == (1, 3)
    assert of_two.devices == ("cpu", "gpu")
    assert of_two.on("cpu") == ("torch", "tf") and of_two.on("gpu") == ("tf",)
    assert [(r.device, r.seed) for r in of_two.of("tf")] == [("gpu", 3), ("cpu", 3)]
    assert [r.seed for r in of_two.of("torch", "cpu")] == [1, 3]
    assert of_two.of("torch", "gpu") == ()
    assert of_two.pairs("cpu") == [("torch", "tf")] and of_two.pairs("gpu") == [("tf",)]
    three = experiment(*map(run, ("compiled", "tf", "torch")))
    assert three.pairs("cpu") == [("torch", "tf"), ("torch", "compiled")]


def test_a_title_that_two_share_says_which_of_them():
    plain = experiment(run("torch"), run("tf"))
    assert (plain.title("torch"), plain.title("jax")) == ("PyTorch", "jax")
    shared = experiment(run("torch"), run("tf"), run("compiled"))
    titles = [shared.title(name) for name in shared.present]
    assert titles == ["PyTorch (torch)", "TensorFlow", "PyTorch (compiled)"]
    runs = (run("tf"), run("tf", 0, "one", "a GPU"), run("tf", 0, "two", "a GPU"))
    assert [experiment(*runs).device_title(r.device) for r in runs] == [
        "a CPU",
        "a GPU (one)",
        "a GPU (two)",
    ]


def test_settings_have_defaults_where_older_folders_lack_them():
    plain = experiment(data={"crop_size": 64}, objective={"identity": 0})
    assert plain.image_shape("a") == plain.image_shape("b") == (64, 64, 3)
    assert plain.setting("objective.identity") == 0 and plain.setting("data.x", None) is None
    assert plain.setting("data.crop_size.x", 5) == 5
    with pytest.raises(UserError, match=r"^e/experiment\.json: configuration has no data\.x; use"):
        plain.setting("data.x")
    assert plain.path("aba") == "A → B → A"
    two = experiment(
        data={"crop_size": 64, "crop_size_b": 32, "channels_a": 1}, titles={"a": "summer"}
    )
    assert (two.image_shape("a"), two.image_shape("b")) == ((64, 64, 1), (32, 32, 3))
    assert two.path("ab") == "summer → B"


def test_a_folder_is_read_once_with_what_is_there(tmp_path):
    folder = build(tmp_path, seeds=(0, 1), backends=("torch", "tf"))
    with editing(folder / "runs/cpu-example/tf-seed1/status.json") as status:
        status["state"] = "interrupted"
    with editing(folder / "experiment.json") as record:
        record["configuration"]["backends"] = ["tf"]
    read = load(folder)
    assert read.backends == ("tf", "torch") and read.merged == {}
    assert [(r.backend, r.seed) for r in read.runs] == [("tf", 0), ("torch", 0), ("torch", 1)]
    assert [(r.backend, r.seed) for r in read.unfinished] == [("tf", 1)]
    assert read.metrics["scores"] and not load(folder, scored=False).metrics
    assert read.references and read.dataset == "toyseasons"
    for name in ("metrics.json", "references.safetensors"):
        (folder / name).unlink()
    assert load(folder).metrics == load(folder).references == {}


@pytest.mark.parametrize("key", ["framework", "device", "versions"])
def test_a_complete_run_without_what_a_report_asks_for_is_refused(tmp_path, key):
    folder = build(tmp_path)
    with editing(folder / "runs/cpu-example/tf-seed0/environment.json") as environment:
        del environment[key]
    with pytest.raises(UserError, match=rf"environment\.json: no {key} in it; remove .*tf-seed0"):
        load(folder)


@pytest.mark.parametrize("key", ["clocks", "peak_memory"])
def test_nor_is_one_without_its_clocks_and_memory(tmp_path, key):
    folder = build(tmp_path)
    with editing(folder / "runs/cpu-example/tf-seed0/resources.json") as resources:
        del resources[key]
    with pytest.raises(UserError, match=rf"resources\.json: no {key} in it; remove .*tf-seed0"):
        load(folder)
