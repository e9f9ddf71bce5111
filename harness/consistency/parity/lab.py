"""Builds backends and remembers what was measured of them: nothing is built or traced twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import backends
from backends.interface import Backend, Runtime
from backends.model import Model
from harness import provenance
from harness.consistency.parity.subject import Subject, used_state

Precision = Literal["float32", "float64"]
T = TypeVar("T")


class Lab:
    """One subject and the backends that are given it; the first of `names` is the reference."""

    def __init__(self, subject: Subject, names: Sequence[str]):
        self.subject, self.names = subject, tuple(names)
        self._found: dict[tuple[Callable[..., Any], str], Any] = {}
        self._built: dict[tuple[str, str, Model], Backend] = {}

    def once(self, function: Callable[[Lab, str], T], name: str) -> T:
        """`function(lab, name)`, computed at the first call."""
        key = (function, name)
        if key not in self._found:
            self._found[key] = function(self, name)
        return self._found[key]

    def adopt(self, other: Lab, names: Sequence[str]) -> None:
        """Take over what `other` has found about the backends `names`, of the same subject."""
        self._found |= {key: found for key, found in other._found.items() if key[1] in names}

    def backend(self, name: str, precision: Precision, model: Model | None = None) -> Backend:
        """Backend `name` with the used state loaded; `model` in place of the subject's."""
        model = model or self.subject.model
        key = (name, precision, model)
        if key not in self._built:
            self._built[key] = self.build(name, precision, model)
        backend = self._built[key]
        backend.load_state(used_state(model, self.subject.objective))
        return backend

    def build(self, name: str, precision: Precision, model: Model | None = None) -> Backend:
        """One that nobody else has used or will use."""
        asked = {**self.subject.experiment.runtime.model_dump(), "precision": precision}
        runtime = Runtime(threads=provenance.default_threads(), **asked)
        return backends.load(name, model or self.subject.model, self.subject.objective, runtime)
