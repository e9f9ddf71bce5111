"""What the runs of an experiment are made from: its folder, its images, its labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import backends
from harness.config.differences import differences
from harness.config.experiment import AnyExperiment
from harness.data import Fit, Images, Prepared, load_images, prepare
from harness.data.labels import read_labels
from harness.data.resize import small_grey_images
from harness.plan.plan import evenly
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import SCHEMA_VERSION, read_json, write_arrays, write_json
from harness.system.progress import Display

# Names of the arrays in references.safetensors and the others, by name among the images.
REFERENCES = {
    "real_a": "testA",
    "real_b": "testB",
    "floor_a": "floorA",
    "floor_b": "floorB",
    "truth_ab": "truthAB",
    "truth_ba": "truthBA",
}
# In reals.safetensors, where evaluation.reals asks for them.
REALS = {"train_a": "realsA", "train_b": "realsB"}
LABELS = {
    f"{array}_{side.lower()}": f"{name}{side}"
    for side in "AB"
    for array, name in (
        ("test_labels", "testLabels"),
        ("train_labels", "trainLabels"),
        ("train_images", "judge"),
    )
}


def prepare_data(experiment: AnyExperiment, data_dir: Path | None, display: Display) -> Prepared:
    """The images an experiment asks for, found, drawn or fetched. Raises UserError."""
    data = experiment.data
    return prepare(
        experiment.dataset,
        data_dir,
        size=max(data.load("a"), data.load("b")),
        counts=(data.train, data.test),
        hold_out=data.hold_out,
        report=display.say,
        progress=display.stage,
    )


def experiment_folder(results: Path, experiment: AnyExperiment, prepared: Prepared) -> Path:
    """Named after all that decides the numbers: configuration, data, code, packages."""
    packages = provenance.in_one_line(provenance.deciding_packages())
    digest = experiment.digest(
        prepared.manifest.digest, provenance.source_digest(), packages, str(SCHEMA_VERSION)
    )
    return results / f"{experiment.dataset}-{experiment.preset}-{digest}"


def decoded_images(
    prepared: Prepared, experiment: AnyExperiment, display: Display
) -> dict[str, Images]:
    """Training images at the loading size, and `evaluation_images`.

    `data.resize` bilinear_aliased is for the former only: one yardstick for all settings. A
    built-in set is drawn at the loading size: there `data.resize` changes nothing.
    """
    training = {
        split: _decode(prepared, experiment, display, split, training=True)
        for split in ("trainA", "trainB")
    }
    return training | evaluation_images(prepared, experiment, display)


def evaluation_images(
    prepared: Prepared, experiment: AnyExperiment, display: Display
) -> dict[str, Images]:
    """Test, floor and true-pair images at the crop size.

    So are all training images, where scores compare with them (`evaluation.reals`). Of floor
    and test images at most `evaluation.images`; but "testA" and "testB" are whole, as the cache has
    them: workers open the same files, and choose as `harness.plan.plan.evenly` does. Of a labelled
    set also what judges need: see `_labelled`.
    """

    def decode(split: str) -> Images:
        return _decode(prepared, experiment, display, split)

    images = {split: decode(split) for split in ("testA", "testB")}
    small = {split: np.asarray(decode(split)) for split in ("trainA", "trainB")}
    for side in "AB":
        train, test = small[f"train{side}"], images[f"test{side}"]
        count = len(evenly(len(test), experiment.evaluation.images))
        images[f"floor{side}"] = train[evenly(len(train), count)]
        if experiment.evaluation.reals != "test":
            images[f"reals{side}"] = train
    if prepared.manifest.paired:
        for name, split in (("truthAB", "testA_in_B"), ("truthBA", "testB_in_A")):
            truth = decode(split)
            images[name] = truth[evenly(len(truth), experiment.evaluation.images)]
    return images | _labelled(prepared, experiment, small)


def _decode(
    prepared: Prepared,
    experiment: AnyExperiment,
    display: Display,
    split: str,
    training: bool = False,
) -> Images:
    data, domain = experiment.data, split[-1].lower()
    squares = data.augmentation == "square_crop"
    for_training: Fit = "shorter_side" if squares else "stretch"
    for_evaluation: Fit = "centre" if squares else "stretch"
    return load_images(
        prepared.manifest,
        split,
        data.load(domain) if training else data.crop(domain),
        lambda done, total: display.stage(f"decode {split}", done, total),
        "bicubic" if data.resize == "bilinear_aliased" and not training else data.resize,
        channels=data.channels(domain),
        fit=for_training if training else for_evaluation,
    )


def _labelled(
    prepared: Prepared, experiment: AnyExperiment, train: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Of a labelled data set: labels of the test images, and what judges are trained on."""
    labels = read_labels(prepared.manifest)
    if labels is None:
        return {}
    arrays = {}
    for side in "AB":
        codes, tested = labels.codes[f"train{side}"], labels.codes[f"test{side}"]
        arrays[f"judge{side}"] = small_grey_images(train[f"train{side}"][codes >= 0])
        arrays[f"trainLabels{side}"] = codes[codes >= 0]
        arrays[f"testLabels{side}"] = tested[evenly(len(tested), experiment.evaluation.images)]
    return arrays


def _check_same(file: Path, document: Mapping[str, Any]) -> None:
    """The folder's name says what is in it, but files can be edited, and folders renamed."""
    if not file.exists():
        return
    recorded = {key: value for key, value in read_json(file).items() if key != "schema_version"}
    changed = differences(recorded, json.loads(json.dumps(document)))
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            f"{file}: not what is asked for: {', '.join(changed[:3])}{more}; remove the folder, or"
            " give other results"
        )


def write_experiment(
    folder: Path,
    experiment: AnyExperiment,
    prepared: Prepared,
    images: Mapping[str, Images],
) -> None:
    """What the runs of `folder` are made from; `folder` is one of `experiment_folder`.

    Raises UserError where it has runs of another configuration, or of other images.
    """
    configuration: dict[str, Any] = {
        **experiment.model_dump(exclude={"dataset", "preset"}),
        # The order of every difference and ratio: one for the folder, whatever was asked for today;
        # other backends come after these.
        "backends": list(backends.USUAL),
        **experiment.for_reports(prepared.located.titles),
    }
    digest = folder.name.rpartition("-")[2]
    head = {
        "dataset": experiment.dataset,
        "preset": experiment.preset,
        "hash": digest,
        "packages": provenance.deciding_packages(),
    }
    documents = {
        "experiment.json": {**head, "configuration": configuration},
        "manifest.json": prepared.manifest.to_json(),
    }
    for name, document in documents.items():
        _check_same(folder / name, document)
    for name, document in documents.items():
        write_json(folder / name, document)
    write_json(folder / "audit.json", prepared.audit.to_json())
    for file, names in (
        ("references", REFERENCES),
        ("reals", REALS),
        ("labels", LABELS),
    ):
        arrays = arrays_of(images, experiment, names)
        if arrays:
            write_arrays(folder / f"{file}.safetensors", arrays)


def arrays_of(
    images: Mapping[str, Images], experiment: AnyExperiment, names: Mapping[str, str] = REFERENCES
) -> dict[str, np.ndarray]:
    """By the names of a file, those that there are; of test images those that are scored."""
    arrays = {name: np.asarray(images[key]) for name, key in names.items() if key in images}
    for name in {"real_a", "real_b"} & arrays.keys():
        chosen = evenly(len(arrays[name]), experiment.evaluation.images)
        arrays[name] = arrays[name][chosen]
    return arrays
