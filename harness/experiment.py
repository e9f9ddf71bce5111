"""What the runs of an experiment are made from: its folder, its images, its labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import backends
from harness import provenance
from harness.config import Experiment
from harness.datasets import Prepared, Resize, load_images, prepare
from harness.datasets.labels import read_labels
from harness.metrics.judge import judge_images
from harness.progress import Display
from harness.records import SCHEMA_VERSION, write_arrays, write_json

# Names of the arrays in references.safetensors and labels.safetensors, by name among the images.
REFERENCES = {
    "real_a": "testA",
    "real_b": "testB",
    "floor_a": "floorA",
    "floor_b": "floorB",
    "truth_ab": "truthAB",
    "truth_ba": "truthBA",
}
LABELS = {
    f"{array}_{side.lower()}": f"{name}{side}"
    for side in "AB"
    for array, name in (
        ("test_labels", "testLabels"),
        ("train_labels", "trainLabels"),
        ("train_images", "judge"),
    )
}


def prepare_data(experiment: Experiment, data_dir: Path | None, display: Display) -> Prepared:
    """The images an experiment asks for, found, drawn or fetched. Raises UserError."""
    data = experiment.data
    return prepare(
        experiment.dataset,
        data_dir,
        size=data.load_size,
        counts=(data.train, data.test),
        report=display.say,
        progress=display.stage,
    )


def experiment_folder(results: Path, experiment: Experiment, prepared: Prepared) -> Path:
    """Named after all that decides the numbers: configuration, data, code."""
    digest = experiment.digest(
        prepared.manifest.digest, provenance.source_digest(), str(SCHEMA_VERSION)
    )
    return results / f"{experiment.dataset}-{experiment.preset}-{digest}"


def decoded_images(
    prepared: Prepared, experiment: Experiment, display: Display
) -> dict[str, np.ndarray]:
    """Training images at the loading size; test, floor and true-pair images at the crop size.

    `data.resize` is for the former; the latter are for evaluation, one yardstick for all settings.
    The built-in set is drawn at the loading size: there `data.resize` changes nothing.
    """
    load, crop = experiment.data.load_size, experiment.data.crop_size

    def decode(split: str, size: int, method: Resize = "bicubic") -> np.ndarray:
        return load_images(
            prepared.manifest, split, size,
            lambda done, total: display.stage(f"decode {split}", done, total), method,
        )  # fmt: skip

    train = ("trainA", "trainB")
    images = {split: decode(split, load, experiment.data.resize) for split in train}
    images |= {split: decode(split, crop) for split in ("testA", "testB")}
    images["floorA"] = _evenly(decode("trainA", crop), len(images["testA"]))
    images["floorB"] = _evenly(decode("trainB", crop), len(images["testB"]))
    if prepared.manifest.paired:
        images["truthAB"] = decode("testA_in_B", crop)
        images["truthBA"] = decode("testB_in_A", crop)
    return images | _labelled(prepared, decode("trainA", crop), decode("trainB", crop))


def _labelled(
    prepared: Prepared, train_a: np.ndarray, train_b: np.ndarray
) -> dict[str, np.ndarray]:
    """Of a labelled data set: labels of the test images, and what judges are trained on."""
    labels = read_labels(prepared.manifest)
    if labels is None:
        return {}
    found = {}
    for side, train in (("A", train_a), ("B", train_b)):
        codes = labels.codes[f"train{side}"]
        found[f"judge{side}"] = judge_images(train[codes >= 0])
        found[f"trainLabels{side}"] = codes[codes >= 0]
        found[f"testLabels{side}"] = labels.codes[f"test{side}"]
    return found


def _evenly(images: np.ndarray, count: int) -> np.ndarray:
    """At most `count` images, evenly spaced over the split."""
    count = min(count, len(images))
    return images[np.linspace(0, len(images) - 1, count).round().astype(int)]


def write_experiment(
    folder: Path,
    experiment: Experiment,
    prepared: Prepared,
    images: dict[str, np.ndarray],
) -> None:
    """What the runs of `folder` are made from; `folder` is one of `experiment_folder`."""
    title_a, title_b = prepared.located.titles
    configuration: dict[str, Any] = {
        **experiment.model_dump(exclude={"dataset", "preset"}),
        # The order of every difference and ratio: one for the folder, whatever was asked for today.
        "backends": list(backends.available()),
        "titles": {"a": title_a, "b": title_b},
    }
    digest = folder.name.rpartition("-")[2]
    head = {"dataset": experiment.dataset, "preset": experiment.preset, "hash": digest}
    write_json(folder / "experiment.json", {**head, "configuration": configuration})
    write_json(folder / "manifest.json", prepared.manifest.to_json())
    write_json(folder / "audit.json", prepared.audit.to_json())
    for file, names in (("references", REFERENCES), ("labels", LABELS)):
        arrays = {name: images[key] for name, key in names.items() if key in images}
        if arrays:
            write_arrays(folder / f"{file}.safetensors", arrays)
