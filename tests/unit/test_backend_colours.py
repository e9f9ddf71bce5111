"""Every backend has chosen its colour; whoever has chosen none gets one that nobody has."""

import re

import pytest
from report_experiment import build

import backends
from harness.records.experiment import load
from harness.report.figures import PALETTE, backend_colour, colour


@pytest.mark.parametrize("name", backends.available())
def test_every_backend_has_a_colour_of_its_own(name):
    assert re.fullmatch("#[0-9A-F]{6}", backends.colour(name) or "")
    assert [backends.colour(other) for other in backends.available()].count(
        backends.colour(name)
    ) == 1


def test_a_colour_does_not_depend_on_the_place_in_a_configuration(tmp_path):
    one = load(build(tmp_path / "one", backends=("torch", "tf")))
    other = load(build(tmp_path / "other", backends=("tf", "torch")))
    for name in ("torch", "tf"):
        assert colour(one, name) == colour(other, name) == backends.colour(name)


def test_a_backend_that_is_not_installed_gets_a_colour_that_nobody_has():
    names = ("torch", "tf", "strange", "stranger")
    tones = [backend_colour(name, names) for name in names]
    assert tones[:2] == ["#0072B2", "#D55E00"]
    assert len(set(tones)) == 4 and set(tones) <= set(PALETTE)
    assert backends.colour("strange") is None


def test_two_that_have_chosen_the_same_colour_are_drawn_in_two(monkeypatch):
    monkeypatch.setattr(backends, "colour", lambda name: "#0072B2")
    names = ("torch", "tf")
    assert [backend_colour(name, names) for name in names] == ["#0072B2", "#D55E00"]


def test_more_backends_than_colours_are_drawn_all_the_same():
    names = [f"backend {number}" for number in range(9)]
    assert {backend_colour(name, names) for name in names} <= set(PALETTE)
