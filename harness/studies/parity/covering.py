"""Small experiments that together try every option, and every two of a group together.

Pairwise testing: most faults of software with many options show with one or two of them (Kuhn et
al. 2004). `covering.yaml` holds the experiments, as settings on top of preset `smoke`;
`python -m harness.studies.parity.covering` writes it anew after a change of options.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, reduce
from itertools import combinations, product
from operator import getitem
from pathlib import Path
from textwrap import fill

from harness.config.experiment import Experiment
from harness.config.load import load_any, load_experiment
from harness.studies.parity.options import ONCE, OPTIONS
from harness.system.errors import UserError
from harness.system.files import write_bytes
from harness.system.strict_yaml import parse_yaml

Levels = dict[str, str]  # option -> level
Pair = tuple[str, str]  # of settings, in the order of OPTIONS

FILE = Path(__file__).with_name("covering.yaml")
PRESET = "smoke"
# Of all experiments: as small as networks can be, and an epoch or two of every kind.
COMMON = ("data.crop_size=16", "training.epochs_constant=2", "training.epochs_decay=2")
DRAWS = 5  # candidates for every experiment
# Options that have a group in common.
TOGETHER = tuple(
    (one, two)
    for one, two in combinations(OPTIONS, 2)
    if set(OPTIONS[one].groups) & set(OPTIONS[two].groups)
)
# What lets a pair be whose options others would refuse.
LENIENT: tuple[Levels, ...] = (
    {},
    {"objective.identity": "0"},
    {"objective.identity": "0", "model.generator": "unet"},
    {"objective.identity": "0.5", "model.generator": "unet"},
    {"objective.identity": "0.5"},
)


def covering() -> Mapping[str, tuple[str, ...]]:
    """Name of an experiment -> its settings on top of preset `smoke`, as `--set` takes them."""
    return {name: tuple(given) for name, given in parse_yaml(FILE.read_text("utf-8")).items()}


COVERING = covering()


def experiment_of(overrides: Iterable[str]) -> Experiment:
    """Raises UserError where the configuration refuses it."""
    return load_experiment("seasons", PRESET, list(overrides))


def has_covering(preset: str) -> bool:
    """Whether these experiments are of the kind of model that `preset` trains."""
    return isinstance(load_any("seasons", preset, []), Experiment)


def levels_of(overrides: Iterable[str]) -> Levels:
    """Levels of all OPTIONS that mean something in an experiment."""
    given = dict(setting.split("=", 1) for setting in overrides)
    chosen = own_levels() | given
    return active({option: chosen[option] for option in OPTIONS if option in chosen})


@cache
def own_levels() -> Levels:
    """Levels that preset `smoke` has by itself."""
    own = experiment_of(()).model_dump()
    return {
        option: level
        for option, each in OPTIONS.items()
        for level in each.levels
        if parse_yaml(level) == reduce(getitem, option.split("."), own)
    }


def settings(levels: Levels) -> tuple[str, ...]:
    return (*COMMON, *(f"{option}={levels[option]}" for option in OPTIONS if option in levels))


def active(levels: Levels) -> Levels:
    """Without options that mean nothing beside the others."""
    found: Levels = {}
    # As often as conditions depend on each other: dropout on depth, depth on the generator.
    for _ in range(3):
        made = {f"{option}={level}" for option, level in found.items()}
        found = {
            option: level
            for option, level in levels.items()
            if not OPTIONS[option].when or made & set(OPTIONS[option].when)
        }
    return found


def pairs(levels: Levels) -> set[Pair]:
    """Every two levels of one group."""
    return {
        (f"{one}={levels[one]}", f"{two}={levels[two]}")
        for one, two in TOGETHER
        if one in levels and two in levels
    }


@cache
def wanted() -> frozenset[Pair]:
    """Pairs that the configuration allows, but for those of levels that are tried ONCE."""
    return frozenset(
        (f"{one}={a}", f"{two}={b}")
        for one, two in TOGETHER
        for a, b in product(_often(one), _often(two))
        if next(completed({one: a, two: b}), None) is not None
    )


def _often(option: str) -> list[str]:
    return [level for level in OPTIONS[option].levels if f"{option}={level}" not in ONCE]


def completed(fixed: Levels) -> Iterator[Levels]:
    """Experiments with the levels `fixed`, all of them active, and the first level of others."""
    for lenient in LENIENT:
        levels = _first_levels() | lenient | _conditions(fixed) | fixed
        found = active(levels)
        if fixed.items() <= found.items() and _valid(found):
            yield found


def _conditions(fixed: Levels) -> Levels:
    """Settings that make `fixed` mean something."""
    needed: Levels = {}
    for option in fixed:
        when = OPTIONS[option].when
        if when and not any(one.split("=")[0] in fixed for one in when):
            first, level = when[0].split("=")
            needed |= _conditions({first: level}) | {first: level}
    return needed


def _valid(levels: Levels) -> bool:
    with suppress(UserError):
        experiment_of(settings(levels))
        return True
    return False


def generate() -> dict[str, tuple[str, ...]]:
    """The same experiments every time, by name."""
    found = enumerate(trimmed(_greedy()), 1)
    return {f"{i:02d} {_title(levels)}": settings(levels) for i, levels in found}


def _greedy() -> list[Levels]:
    """One experiment after the other around a missing pair; levels tried ONCE begin."""
    draw, missing = random.Random(0), set(wanted())  # noqa: S311
    found: list[Levels] = []
    for setting, beside in ONCE.items():
        fixed = dict(one.split("=") for one in (setting, *beside))
        found.append(_best(fixed, missing, draw))
        missing -= pairs(found[-1])
    while missing:
        one, two = (setting.split("=") for setting in draw.choice(sorted(missing)))
        found.append(_best(dict((one, two)), missing, draw))
        missing -= pairs(found[-1])
    return found


def trimmed(found: list[Levels]) -> list[Levels]:
    """Without experiments that others make up for; the first level wherever no pair needs another.

    First levels cost least.
    """
    kept = list(found)
    for levels in reversed(found):
        at = kept.index(levels)
        others = set().union(*(pairs(each) for i, each in enumerate(kept) if i != at))
        alone = (pairs(levels) & wanted()) - others
        if not alone and at >= len(ONCE):
            del kept[at]
            continue
        beside = {one for setting, rest in ONCE.items() for one in (setting, *rest)}
        for option, level in levels.items():
            if at < len(ONCE) and f"{option}={level}" in beside:
                continue
            changed = active(_first_levels() | kept[at] | {option: OPTIONS[option].levels[0]})
            if alone <= pairs(changed) and _valid(changed):
                kept[at] = changed
    return kept


def _first_levels() -> Levels:
    return {option: each.levels[0] for option, each in OPTIONS.items()}


def _best(fixed: Levels, missing: set[Pair], draw: random.Random) -> Levels:
    """Of DRAWS random experiments, each made better by one option after the other."""
    candidates = []
    for _ in range(DRAWS):
        levels = draw.choice(list(completed(fixed)))
        for wanted_gain in (None, 1, 1):
            levels = _varied(levels, fixed, missing, draw, wanted_gain)
        candidates.append(levels)
    return max(candidates, key=lambda levels: len(pairs(levels) & missing))


def _varied(
    levels: Levels, fixed: Levels, missing: set[Pair], draw: random.Random, least: int | None
) -> Levels:
    """Options, in random order, take a level that adds `least` missing pairs; None: any level."""
    order = [option for option in OPTIONS if option not in fixed and len(_often(option)) > 1]
    draw.shuffle(order)
    for option in order:
        for level in draw.sample(_often(option), len(_often(option))):
            changed = active(_first_levels() | levels | {option: level})
            gain = len(pairs(changed) & missing) - len(pairs(levels) & missing)
            enough = least is None or gain >= least
            if enough and fixed.items() <= changed.items() and _valid(changed):
                levels = changed
                break
    return levels


def _title(levels: Levels) -> str:
    shown = ("model.generator", "model.norm.kind", "objective.adversarial", "runtime.precision")
    words = [levels[option] for option in shown]
    words.append(f"batch {levels['training.batch_size']}")
    return ", ".join([*words, *(setting for setting in ONCE if setting in settings(levels))])


def write(experiments: Mapping[str, tuple[str, ...]]) -> None:
    """Into FILE. Settings that preset `smoke` has by itself are left out."""
    own = {f"{option}={level}" for option, level in own_levels().items()}
    text = "# Written by `python -m harness.studies.parity.covering`.\n"
    for name, given in experiments.items():
        listed = ", ".join(f"'{setting}'" for setting in given if setting not in own)
        text += f"{name}:\n" + fill(f"[{listed}]", 98, initial_indent="  ", subsequent_indent="  ")
        text += "\n"
    write_bytes(FILE, text.encode())


if __name__ == "__main__":
    write(generate())
