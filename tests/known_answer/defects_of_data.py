"""Defects of images, splits, the digest, and of the plan."""

from __future__ import annotations

import checks_data as data
from planting import Defect, defects, replaced

FOLDER = "training.experiment_folder"
PLAN = "plan.plan"

DATA = [
    *defects(
        "data",
        data.references,
        (
            "evaluation images are the first ones",
            f"{PLAN}:evenly",
            "np.linspace(0, count - 1, min(count, most or count)).round().astype(int)",
            "np.arange(min(count, most or count))",
        ),
        (
            "floor images of the test split",
            f"{FOLDER}:evaluation_images",
            "= train[evenly(len(train), count)]",
            "= np.asarray(test)[evenly(len(test), count)]",
        ),
        (
            "floor images of the other domain",
            f"{FOLDER}:evaluation_images",
            'small[f"train{side}"], images',
            'small["trainB" if side == "A" else "trainA"], images',
        ),
        (
            "as many floor images as there are to train on",
            f"{FOLDER}:evaluation_images",
            "count = len(evenly(len(test), experiment.evaluation.images))",
            "count = len(train)",
        ),
        (
            "floor images are the first of the train split",
            f"{FOLDER}:evaluation_images",
            "train[evenly(len(train), count)]",
            "train[:count]",
        ),
        (
            "floor images at the loading size",
            f"{FOLDER}:evaluation_images",
            "np.asarray(decode(split)) for",
            "np.asarray(_decode(prepared, experiment, display, split, True)) for",
        ),
        (
            "true pairs of the other direction",
            f"{FOLDER}:evaluation_images",
            '("truthAB", "testA_in_B"), ("truthBA", "testB_in_A")',
            '("truthBA", "testA_in_B"), ("truthAB", "testB_in_A")',
        ),
        (
            "true pairs are the first ones",
            f"{FOLDER}:evaluation_images",
            "truth[evenly(len(truth), experiment.evaluation.images)]",
            "truth[: experiment.evaluation.images]",
        ),
        (
            "recorded test images are the first ones",
            f"{FOLDER}:arrays_of",
            "arrays[name][chosen]",
            "arrays[name][: len(chosen)]",
        ),
        (
            "resized by another filter",
            "data.resize:resize",
            "Image.Resampling[method.upper()]",
            "Image.Resampling.BILINEAR",
        ),
        (
            "blue before red",
            "data.resize:_pixels",
            "pixels = np.asarray(image)",
            "pixels = np.ascontiguousarray(np.asarray(image)[..., ::-1])",
        ),
    ),
    *defects(
        "data",
        data.labels,
        (
            "labels are those of the first test images",
            f"{FOLDER}:_labelled",
            "tested[evenly(len(tested), experiment.evaluation.images)]",
            "tested[: experiment.evaluation.images]",
        ),
        (
            "labels of training images for test images",
            f"{FOLDER}:_labelled",
            'labels.codes[f"test{side}"]',
            'labels.codes[f"train{side}"]',
        ),
        (
            "judges learn from mirrored images",
            f"{FOLDER}:_labelled",
            'train[f"train{side}"][codes >= 0]',
            'train[f"train{side}"][::-1][codes >= 0]',
        ),
    ),
    *defects(
        "data",
        data.manifest,
        (
            "files in another order",
            "data.files:files_below",
            "key=lambda file: file.name)",
            "key=lambda file: file.name, reverse=True)",
        ),
        (
            "digest of one split",
            "data.manifest:Manifest.digest",
            "self._splits_json()",
            'self._splits_json()["trainA"]',
        ),
    ),
    Defect(
        "a deciding source is missing from the digest",
        "data",
        "system.provenance:DECIDING",
        replaced(
            "system.provenance:DECIDING", lambda found: [x for x in found if x != "harness/plan"]
        ),
        data.folder_name,
    ),
    *defects(
        "data",
        data.folder_name,
        ("digest without the images", f"{FOLDER}:experiment_folder",
         "prepared.manifest.digest, ", ""),
        ("digest without the sources", f"{FOLDER}:experiment_folder",
         "provenance.source_digest(), ", ""),
        ("digest without the packages", f"{FOLDER}:experiment_folder",
         "packages, str", "str"),
        ("digest of the names of sources", "system.provenance:source_digest",
         ' + b"\\0" + file.read_bytes()', ' + b"\\0"'),
        ("digest without the settings", "config.experiment:Experiment.digest",
         "self.model_dump()", "{}"),
    ),
    *defects(
        "data",
        data.configuration,
        ("backends in alphabetical order", f"{FOLDER}:write_experiment",
         "list(backends.USUAL)", "sorted(backends.USUAL)"),
        ("titles of the domains swapped", "config.experiment:AnyExperiment.for_reports",
         'zip("ab", titles', 'zip("ba", titles'),
    ),
]  # fmt: skip

CHOICES = defects(
    "training",
    data.plan,
    ("all seeds draw the same", "plan.random_streams:stream", '{seed}/', "0/"),
    ("augmentation is drawn once an image", f"{PLAN}:image_plan",
     'frozen = data.augment == "frozen"', "frozen = True"),
    ("both domains are mirrored alike", f"{PLAN}:image_plan", 'f"flip_{domain}"', '"flip_a"'),
    ("never mirrored", f"{PLAN}:image_plan", "flip if data.flip else", "0 * flip if data.flip else"),
    ("crops of A for B", f"{PLAN}:image_plan", 'f"crop_{domain}"', '"crop_a"'),
    ("mirrored upside down", f"{PLAN}:DomainPlan.images", "image[:, ::-1]", "image[::-1]"),
    ("crops transposed", f"{PLAN}:DomainPlan.images", "top, left = (", "left, top = ("),
    ("crops never reach the edge", f"{PLAN}:DomainPlan.images",
     "(side - size + 1)", "(side - size)"),
    ("crops of the centre", f"{PLAN}:DomainPlan.images", "int(share * (side - size + 1))",
     "(side - size) // 2"),
    ("images of the next step", f"{PLAN}:DomainPlan.images",
     "zip(self.index[step]", "zip(self.index[(step + 1) % len(self.index)]"),
    ("A for B", f"{PLAN}:Plan.batch", "b=self.b.images(step, images_b)",
     "b=self.a.images(step, images_a)"),
    ("pools of the other domain", f"{PLAN}:Plan.batch", "pool_a=self.a.pool(step)",
     "pool_a=self.b.pool(step)"),
    ("mixtures of the other domain", f"{PLAN}:Plan.batch", "mix_b=self.b.mix", "mix_b=self.a.mix"),
    ("discriminators learn at the generators' rate", f"{PLAN}:make_plan",
     "discriminator_learning_rate=of_discriminators * factor",
     "discriminator_learning_rate=optimiser.learning_rate * factor"),
    ("B is shuffled", f"{PLAN}:_indices",
     'stream(seed, "index_b").integers(train_b, size=(steps, batch))',
     'shuffled("index_b_shuffled", train_b)'),
    ("A is drawn", f"{PLAN}:_indices", 'shuffled("index_a", per_round) % train_a',
     'stream(seed, "index_a").integers(train_a, size=(steps, batch))'),
    ("fakes pass where they should be swapped", "plan.random_streams:pool_decisions",
     "np.where(swap, POOL_SWAP, POOL_PASS)", "np.where(swap, POOL_PASS, POOL_SWAP)"),
    ("pools are not filled", "plan.random_streams:pool_decisions",
     "= POOL_STORE, np", "= POOL_PASS, np"),
    ("slots of A for B", f"{PLAN}:_pool", 'f"pool_slot_{domain}"', '"pool_slot_a"'),
    ("the rate falls an epoch early", "plan.learning_rate:factors",
     "time + 1 - constant", "time + 2 - constant"),
    ("the rate falls every step", "plan.learning_rate:factors",
     'unit = 1 if training.decay == "step" else steps_per_epoch', "unit = 1"),
    ("the rate never falls", "plan.learning_rate:factors", "factor = 1 - progress", "pass"),
    ("the epoch of the next step", f"{PLAN}:make_plan",
     "epoch=np.arange(steps) // per_epoch", "epoch=np.arange(1, steps + 1) // per_epoch"),
    ("the discriminators' rate is recorded", "training.run:TrainingRun._loss_table",
     "factors * self.plan.learning_rate", "factors * self.plan.discriminator_learning_rate"),
    ("steps are counted from one", "training.run:TrainingRun._loss_table",
     '"step", np.arange(len(table))', '"step", 1 + np.arange(len(table))'),
)  # fmt: skip
