"""The known experiment, each stage done once: trained, scored, shown."""

from __future__ import annotations

import known_world
import pytest
from known_world import World


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> World:
    with known_world.known_parts():
        return known_world.train(tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One seed that takes turns to its end, with weights of the last step alone."""
    with known_world.known_parts():
        return known_world.train(tmp_path_factory.mktemp("alone"), known_world.ALONE, (1,))


@pytest.fixture(scope="session")
def scored(trained: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    with known_world.known_parts():
        return known_world.evaluate(trained, tmp_path_factory.mktemp("scored"))


@pytest.fixture(scope="session")
def shown(scored: World) -> World:
    with known_world.known_parts():
        return known_world.show(scored)
