"""The covering experiments have every option and every pair; the backends agree on all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations

import plant_options
import pytest
from pydantic import BaseModel

from harness.config.experiment import Experiment
from harness.studies.parity import climb, covering
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.covering import COVERING, experiment_of, levels_of, pairs, wanted
from harness.studies.parity.covering_climb import checks_of, reduced
from harness.studies.parity.ladder import CHECKS
from harness.studies.parity.options import EXEMPT, ONCE, OPTIONS
from harness.studies.parity.parity_case import covering_case
from harness.studies.parity.parity_check import Rung

EXPERIMENTS = {name: experiment_of(overrides) for name, overrides in COVERING.items()}


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every option by its key, sections taken apart."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_option_is_covered_or_exempt_with_a_reason():
    for option in fields(Experiment):
        sections = [option.rsplit(".", i)[0] for i in range(option.count(".") + 1)]
        listed = (option in OPTIONS) + sum(section in EXEMPT for section in sections)
        assert listed == 1, option
    known = set(fields(Experiment)) | {option.partition(".")[0] for option in fields(Experiment)}
    assert set(OPTIONS) | set(EXEMPT) <= known
    assert all(EXEMPT.values())


def test_every_level_is_in_an_experiment():
    found = {f"{o}={x}" for each in COVERING.values() for o, x in levels_of(each).items()}
    assert found == {f"{o}={level}" for o, each in OPTIONS.items() for level in each.levels}


def test_every_pair_that_the_configuration_allows_is_in_an_experiment():
    found = set().union(*(pairs(levels_of(overrides)) for overrides in COVERING.values()))
    assert len(wanted()) > 2000
    assert sorted(wanted() - found) == []


def test_what_is_tried_once_is_in_one_experiment_beside_what_it_needs():
    for setting, beside in ONCE.items():
        made = [
            settings
            for overrides in COVERING.values()
            if setting in (settings := {f"{o}={x}" for o, x in levels_of(overrides).items()})
        ]
        assert len(made) == 1 and set(beside) <= made[0]


def test_an_experiment_that_is_missing_is_noticed():
    """The tests above can fail: without the first experiment a pair is missing."""
    others = [pairs(levels_of(each)) for name, each in COVERING.items() if name[:2] != "01"]
    assert wanted() - set().union(*others)


def test_the_generator_covers_the_pairs_of_a_few_options_and_writes_what_is_read(
    monkeypatch, tmp_path
):
    """Of all options it takes a minute; that the file has every pair is tested above."""
    few = ("model.generator", "model.padding", "model.rounding")
    monkeypatch.setattr(covering, "TOGETHER", tuple(combinations(few, 2)))
    monkeypatch.setattr(covering, "ONCE", {})
    monkeypatch.setattr(covering, "wanted", covering.wanted.__wrapped__)
    monkeypatch.setattr(covering, "FILE", tmp_path / "covering.yaml")
    made = covering.generate()
    found = set().union(*(pairs(levels_of(each)) for each in made.values()))
    assert len(found) == 12 and 4 <= len(made) <= 6, "three options of two levels each"
    covering.write(made)
    read = {name: levels_of(each) for name, each in covering.covering().items()}
    assert read == {name: levels_of(each) for name, each in made.items()}


def test_options_that_mistakes_hide_behind_are_there():
    sources = [covering_case(each).sources["a"].shape[1:3] for each in EXPERIMENTS.values()]
    assert {height == width for height, width in sources} == {True, False}
    assert {each.training.batch_size for each in EXPERIMENTS.values()} == {1, 2}
    compiled = [each for each in EXPERIMENTS.values() if each.runtime.compile != "none"]
    assert all(each.model.dropout > 0 for each in compiled) and compiled


@pytest.fixture(scope="module")
def healthy() -> Callable[[str], BackendCache]:
    """The backends as they are, for one of the experiments; measured once."""

    @cache
    def made(name: str) -> BackendCache:
        experiment = EXPERIMENTS[name]
        case = covering_case(experiment)
        return BackendCache(case, ("torch", "tf"), reduced=reduced(experiment))

    return made


# `make parity` climbs all of them. Here they show that nothing but a defect below is named.
@pytest.mark.planted
@pytest.mark.parametrize("name", [name for name in COVERING if "compile" not in name])
def test_backends_agree(healthy, name, record_property):
    rows = list(climb(healthy(name), checks_of(COVERING[name])))
    assert [row for row in rows if not row.passed] == []
    record_property("closest", max(row.measured / (row.tolerance or 1) for row in rows))


# Each shows with options that a usual experiment has not: the first one that has them names it.
@pytest.mark.planted
@pytest.mark.parametrize("defect", plant_options.DEFECTS, ids=lambda each: each.name)
def test_a_defect_that_options_hide_is_named(monkeypatch, healthy, defect):
    name = next(name for name, each in EXPERIMENTS.items() if defect.shows(each))
    sound = healthy(name)
    cache = BackendCache(sound.case, sound.names, reduced=sound.reduced)
    cache.adopt(sound, [each for each in sound.names if each != defect.backend])
    defect.plant(monkeypatch)
    breach = next((row for row in climb(cache, checks_of(COVERING[name])) if not row.passed), None)
    assert breach is not None
    # Measured, that is: not an error of the planting. Of parameters that lack there is no number.
    assert math.isfinite(breach.measured) or defect.rung == Rung.PARAMETERS, breach.what
    assert breach.check == defect.rung.label


def test_every_rung_that_covering_experiments_climb_is_climbed():
    climbed = Counter(c.rung for each in COVERING.values() for c in checks_of(each))
    assert set(climbed) == {c.rung for c in CHECKS} - {Rung.ADAM, Rung.EXCHANGE}
