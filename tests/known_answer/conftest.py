"""The known experiment, each stage done once: trained, scored, shown."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "by_hand",
    "checks_alone",
    "checks_data",
    "checks_figures",
    "checks_galleries",
    "checks_scores",
    "checks_sentences",
    "checks_tables",
    "checks_training",
)

import known_world  # noqa: E402
from known_world import World  # noqa: E402


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> World:
    with known_world.known_parts():
        return known_world.train(tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One seed that takes turns to its end, with weights of the last step alone."""
    with known_world.known_parts():
        return known_world.train(tmp_path_factory.mktemp("alone"), (1,), known_world.ALONE)


@pytest.fixture(scope="session")
def scored(trained: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    with known_world.known_parts():
        return known_world.evaluate(trained, tmp_path_factory.mktemp("scored"))


@pytest.fixture(scope="session")
def shown(scored: World) -> World:
    with known_world.known_parts():
        return known_world.show(scored)
