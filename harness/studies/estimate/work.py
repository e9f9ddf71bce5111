"""What a comparison has to do: its images, counted without decoding any, steps and evaluations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config.experiment import Experiment
from harness.data.catalogue import BuiltIn, Pair, find_entry
from harness.data.find_layout import Layout
from harness.data.find_local import find_local
from harness.data.layout import TRUTHS, VALIDATION, Part
from harness.data.linking import divided, image_names
from harness.plan.plan import epoch_steps, evaluation_steps, evenly, total_steps
from harness.system.errors import UserError
from harness.system.untrusted import LONGEST, is_folder

SYNTAX = "--images trainA,trainB,testA,testB"
# Images of published data sets: trainA, trainB, testA, testB. The CycleGAN authors' sets as the
# TensorFlow Datasets project counted them (catalogue, `cycle_gan`).
PUBLISHED: dict[str, tuple[int, int, int, int]] = {
    "apple2orange": (995, 1019, 266, 248),
    "cezanne2photo": (525, 6287, 58, 751),
    "cityscapes": (2975, 2975, 500, 500),
    "facades": (400, 400, 106, 106),
    "horse2zebra": (1067, 1334, 120, 140),
    "iphone2dslr_flower": (1812, 3325, 569, 480),
    "maps": (1096, 1096, 1098, 1098),
    "monet2photo": (1072, 6287, 121, 751),
    "summer2winter_yosemite": (1231, 962, 309, 238),
    "ukiyoe2photo": (562, 6287, 263, 751),
    "vangogh2photo": (400, 6287, 400, 751),
}
# Train and test images of sets of one domain, from the papers that present them. Those of DomainNet
# have no test images of their own: a tenth is held out (harness.data.layout).
DOMAIN_NET = {
    "clipart": 48_129,
    "infograph": 53_201,
    "painting": 72_266,
    "quickdraw": 172_500,
    "real": 175_327,
    "sketch": 70_386,
}
PUBLISHED_SINGLES: dict[str, tuple[int, int]] = {
    "mnist": (60_000, 10_000),
    "svhn": (73_257, 26_032),
    "usps": (7_291, 2_007),
    **{name: (images - images // 10, images // 10) for name, images in DOMAIN_NET.items()},
}


@dataclass(frozen=True)
class Counts:
    """Images of each split. `paired`: test images have true translations. `origin`: who says so."""

    train_a: int
    train_b: int
    test_a: int
    test_b: int
    paired: bool = False
    origin: str = "given"


@dataclass(frozen=True)
class Work:
    """Every backend trains `experiment` once for each of `seeds`, all of them on one machine."""

    experiment: Any
    counts: Counts
    backends: tuple[str, ...]
    seeds: int = 1

    @property
    def steps(self) -> int:
        """Of one run."""
        return total_steps(self.experiment, self.counts.train_a, self.counts.train_b)

    @property
    def per_epoch(self) -> int:
        return epoch_steps(self.experiment, self.counts.train_a, self.counts.train_b)

    @property
    def evaluations(self) -> int:
        """Of one run, between its first step and its last; there is one before and one after."""
        return len(evaluation_steps(self.experiment, self.steps, self.per_epoch))

    @property
    def tested(self) -> tuple[int, int]:
        """Test images of A and B that each evaluation translates."""
        most = self.experiment.evaluation.images
        a, b = (len(evenly(count, most)) for count in (self.counts.test_a, self.counts.test_b))
        return a, b

    @property
    def averaged(self) -> bool:
        """Whether the generators' averaged weights are scored beside those of the last step."""
        return self.experiment.objective.average > 0

    @property
    def seeds_untimed(self) -> int:
        """Seeds of which nothing is timed, where backends train side by side."""
        timing = self.experiment.timing
        if timing.timed_steps is None or timing.timed_seeds is None:
            return 0
        return max(0, self.seeds - timing.timed_seeds)

    @property
    def runs(self) -> int:
        return self.seeds * len(self.backends)


# ----------------------------------------------------------------------------- counting images


def given_images(text: str) -> Counts:
    """What the user says there is, as 1000,1000,250,250. Raises UserError for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(re.fullmatch("0*[1-9][0-9]{0,8}", part) for part in parts):
        raise UserError(f"--images {text[:LONGEST]}: give four whole numbers above zero: {SYNTAX}")
    train_a, train_b, test_a, test_b = map(int, parts)
    return Counts(train_a, train_b, test_a, test_b)


def count_images(experiment: Experiment, data_dir: Path | None) -> Counts:
    """As the preset says for a built-in set, else on disk, else as published.

    Unreadable files count, as only decoding finds them. Raises UserError where it is not known.
    """
    dataset, held = experiment.dataset, experiment.data.hold_out == "validation"
    entry = find_entry(dataset)
    if entry is not None and isinstance(entry.source, BuiltIn):
        train, test = experiment.data.train, experiment.data.test
        paired = set(TRUTHS.values()) <= set(entry.source.parts)
        return _held(Counts(train, train, test, test, paired, "built in"), held)
    local = find_local(dataset, data_dir and data_dir.expanduser())
    if local is not None and local.layout is not None:
        return _on_disk(local.layout, held)
    numbers = PUBLISHED.get(entry.name) if entry is not None else None
    if entry is not None and isinstance(entry.source, Pair):
        one, other = (PUBLISHED_SINGLES.get(name) for name in (entry.source.a, entry.source.b))
        numbers = (one[0], other[0], one[1], other[1]) if one and other else None
    if numbers is None:
        raise UserError(
            f"{dataset}: how many images it has is not known here;"
            f" name the folder that holds it (DATA_DIR), or say it: {SYNTAX}"
        )
    return _held(Counts(*numbers, origin="as published"), held)


def _on_disk(layout: Layout, held: bool) -> Counts:
    """As `link_layout` and `link_validation_split` would divide them."""
    train_a, train_b = (_names(layout.folders[split]) for split in ("trainA", "trainB"))
    validation = layout.both("validation")
    given = layout.both("test") or validation
    if given:
        test_a, test_b = map(_names, given)
    else:
        (train_a, test_a), (train_b, test_b) = (_divided(n, "test") for n in (train_a, train_b))
    if held and validation:
        test_a, test_b = map(_names, validation)
    elif held:
        (train_a, test_a), (train_b, test_b) = (
            _divided(names, "validation") for names in (train_a, train_b)
        )
    paired = not held and all(is_folder(layout.root / truth) for truth in TRUTHS.values())
    train, test = (len(train_a), len(train_b)), (len(test_a), len(test_b))
    return Counts(*train, *test, paired, str(layout.root))


def _names(folder: Path) -> list[str]:
    if names := image_names(folder):
        return names
    raise UserError(f"{folder}: no images; put some there")


def _divided(names: list[str], part: Part) -> tuple[list[str], list[str]]:
    """Without and with those of `part`; at least one on either side, as the rest is estimated."""
    return divided(names, part) if len(names) > 1 else (names, names)


def _held(counts: Counts, held: bool) -> Counts:
    """Where `held`: a validation split of its expected size in place of the test images."""
    if not held:
        return counts
    test_a, test_b = (
        max(1, round(VALIDATION * count)) for count in (counts.train_a, counts.train_b)
    )
    train_a, train_b = counts.train_a - test_a, counts.train_b - test_b
    return Counts(train_a, train_b, test_a, test_b, origin=counts.origin)
