"""Which way to translate, as a user says it."""

from __future__ import annotations

from backends.interface import Direction
from harness.system.errors import UserError
from harness.system.untrusted import printable, shown
from harness.tools.trained_model import DIRECTIONS, TrainedModel


def described(trained: TrainedModel, direction: Direction) -> str:
    """In words; titles are whatever somebody has written into a file."""
    return printable(f"{trained.source(direction)} to {trained.target(direction)}")


def find_direction(trained: TrainedModel, asked: str) -> Direction:
    """`ab`, `ba`, or titles as in `summer2winter`. Raises UserError, also if it is not there."""
    a, b = (trained.titles[domain].casefold() for domain in "ab")
    named: dict[str, Direction] = {"ab": "ab", "ba": "ba"}
    if a != b:
        named = {f"{a}2{b}": "ab", f"{b}2{a}": "ba", **named}
    direction = named.get(asked.casefold())
    known = ", ".join(f"{way} ({described(trained, way)})" for way in trained.directions)
    if direction is None:
        every = ", ".join(f"{way} ({described(trained, way)})" for way in DIRECTIONS)
        raise UserError(f"direction {shown(asked)}: unknown; one of {every}")
    if direction not in trained.directions:
        raise UserError(f"{trained.name}: holds no generator {direction}; it has {known}")
    return direction
