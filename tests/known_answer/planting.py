"""How a defect is planted: a function's source is changed in memory, or a name in a module.

The new code takes the place of the old one inside the function, so that whoever has imported it
has the defect, too.
"""

from __future__ import annotations
import __future__

import importlib
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

from known_world import World
from pytest import MonkeyPatch

Plant = Callable[[MonkeyPatch], None]
Check = Callable[[World], None]


@dataclass(frozen=True)
class Defect:
    """`stage`: what has to be done again: "training", "alone", "scores" or "report".

    `check`: the one that has to name it.
    """

    name: str
    stage: str
    where: str
    plant: Plant
    check: Check


def find(where: str) -> tuple[Any, str, Any]:
    """ "metrics.scoring:Direction.last" -> owner, its attribute's name and value."""
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(f"harness.{module}")
    *owners, name = path.split(".")
    for step in owners:
        owner = getattr(owner, step)
    return owner, name, inspect.getattr_static(owner, name)


def function(where: str) -> FunctionType:
    found = find(where)[2]
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, cached_property):
        found = found.func
    return inspect.unwrap(getattr(found, "__func__", found))


def rewritten(where: str, *changes: str) -> Plant:
    """`changes`: text that is in the function once, what takes its place, and so on."""

    def plant(patch: MonkeyPatch) -> None:
        old_code = function(where)
        source = textwrap.dedent(inspect.getsource(old_code))
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert source.count(old) == 1, f"{where} has {source.count(old)} of {old!r}"
            source = source.replace(old, new)
        flags = __future__.annotations.compiler_flag
        module = compile(source, f"<defect in {where}>", "exec", flags, dont_inherit=True)
        (code,) = (
            part
            for part in module.co_consts
            if isinstance(part, CodeType) and part.co_name == old_code.__name__
        )
        patch.setattr(old_code, "__code__", code)

    return plant


def replaced(where: str, value: Callable[[Any], Any]) -> Plant:
    """`value` of what a module has by that name."""

    def plant(patch: MonkeyPatch) -> None:
        owner, name, found = find(where)
        patch.setattr(owner, name, value(found))

    return plant


def item(where: str, key: Any, value: Any) -> Plant:
    """An entry of a table."""
    return lambda patch: patch.setitem(find(where)[2], key, value)


def defects(stage: str, check: Check, *rows: tuple[str, ...]) -> list[Defect]:
    """Rows of a name, where, and changes as of `rewritten`."""
    return [
        Defect(name, stage, where, rewritten(where, *changes), check)
        for name, where, *changes in rows
    ]
