"""Backends, the facts measured of them, and how far two sets of facts are apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import numpy as np

from backends.interface import Backend, Runtime, State
from backends.model import Model
from harness.processes.remote_backend import Process, load_anywhere, load_in
from harness.studies.parity.gan_case import GanCase
from harness.studies.parity.parity_case import ParityCase, used_state
from harness.system import provenance

# `tf32`: float32 whose products are rounded to ten bits, which only some GPUs do.
Precision = Literal["float32", "float64", "bfloat16", "tf32"]
# (group, detail) -> array. A group is a row of the report, which names the worst of its details.
Facts = dict[tuple[str, str], np.ndarray]
Distance = Callable[[np.ndarray, np.ndarray], float]
T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """A backend and the device it computes on, or so many of them together."""

    backend: str
    device: Literal["cpu", "cuda"] = "cpu"
    replicas: int = 1


class BackendCache:
    """Builds the backends `names` for one case, and measures nothing twice.

    The first of `names` is the reference. `sites`: backend and device of each name; default: the
    backend of that name on the CPU. `reduced`: precisions below float32 that are measured too.
    `apart`: every name has a process of its own, and its share of the CPU's threads. Whoever asks
    for that, or for a GPU, has to `close` it. `processes`: of several caches, which share them.
    """

    def __init__(
        self,
        case: ParityCase | GanCase,
        names: Sequence[str],
        sites: Mapping[str, Site] | None = None,
        reduced: Sequence[Precision] = (),
        apart: bool = False,
        processes: dict[tuple[str, bool], Process] | None = None,
    ):
        # What measures a GAN knows that its case is one.
        self.case = cast(ParityCase, case)
        self.names, self.reduced = tuple(names), tuple(reduced)
        self.apart = apart
        self.sites = dict(sites or {name: Site(name) for name in names})
        self._processes = {} if processes is None else processes
        self._measured: dict[tuple[Callable[..., Any], str], Any] = {}
        self._failed: dict[tuple[Callable[..., Any], str], Exception] = {}
        self._raised_by: dict[int, str] = {}  # by the identity of an exception in `_failed`
        self._built: dict[tuple[str, str, Model], Backend] = {}
        self._states: dict[Model, State] = {}

    def once(self, function: Callable[[BackendCache, str], T], name: str) -> T:
        """`function(cache, name)`, computed at the first call; what that raises is raised again."""
        key = (function, name)
        if key in self._failed:
            raise self._failed[key]
        if key not in self._measured:
            try:
                self._measured[key] = function(self, name)
            except Exception as error:
                self._failed[key] = error
                # The innermost: a measurement may need one of another backend.
                self._raised_by.setdefault(id(error), name)
                raise
        return self._measured[key]

    def raised_by(self, error: Exception) -> str | None:
        """The backend in whose measurement it was raised; None: in none."""
        return self._raised_by.get(id(error))

    def adopt(self, other: BackendCache, names: Sequence[str]) -> None:
        """Take over what `other`, of the same case, has measured of the backends `names`."""
        self._measured |= {key: value for key, value in other._measured.items() if key[1] in names}

    def backend(self, name: str, precision: Precision, model: Model | None = None) -> Backend:
        """Backend `name` with `used_state` loaded; `model` replaces the case's."""
        model = model or self.case.model
        key = (name, precision, model)
        if key not in self._built:
            self._built[key] = self.build(name, precision, model)
        backend = self._built[key]
        if model not in self._states:
            self._states[model] = used_state(model, self.case.objective)
        backend.load_state(self._states[model])
        return backend

    def computes(self, name: str, precision: Precision) -> bool:
        """False for TF32 on a CPU, which does not round products to it."""
        return precision != "tf32" or self.sites[name].device != "cpu"

    def build(self, name: str, precision: Precision, model: Model | None = None) -> Backend:
        """A new backend with no state loaded; the caller alone uses it."""
        site = self.sites[name]
        reduced = {"precision": "float32" if precision == "tf32" else precision}
        asked = {**self.case.experiment.runtime.model_dump(), **reduced}
        asked |= {"device": site.device, "tf32": precision == "tf32", "replicas": site.replicas}
        # Networks with other norms are asked for a few passes: a graph would not pay.
        asked["traced"] = not self.case.quick and model in (None, self.case.model)
        threads = provenance.default_threads() // (len(self.names) if self.apart else 1)
        runtime = Runtime(threads=max(1, threads), **asked)
        arguments = (site.backend, model or self.case.model, self.case.objective, runtime)
        if site.device == "cpu" and not self.apart:
            return load_anywhere(*arguments)
        # A framework decides at its start whether it sees a GPU, so GPUs get their own processes.
        # TF32 is switched for a whole process, so float32 is measured in another one.
        key = (name, precision == "tf32")
        if key not in self._processes:
            self._processes[key] = Process(site.backend)
        return load_in(self._processes[key], *arguments)

    def forget(self, name: str) -> None:
        """Let go of the backends `name` that were built; what was measured of them stays."""
        self._built = {key: each for key, each in self._built.items() if key[0] != name}

    def close(self) -> None:
        """End the processes that were started for it; what was measured stays."""
        for process in self._processes.values():
            process.close()


def relative(expected: np.ndarray, measured: np.ndarray) -> float:
    """L2 distance divided by the L2 norm of `expected`, or the distance where that norm is zero."""
    expected, measured = np.asarray(expected, np.float64), np.asarray(measured, np.float64)
    distance, size = np.linalg.norm(expected - measured), np.linalg.norm(expected)
    return float(distance / size if size else distance)


def largest(expected: np.ndarray, measured: np.ndarray) -> float:
    """Largest absolute difference of any element."""
    difference = np.asarray(expected, np.float64) - np.asarray(measured, np.float64)
    return float(np.abs(difference).max(initial=0.0))


def share(expected: np.ndarray, measured: np.ndarray) -> float:
    """Share of elements that differ at all."""
    return float(np.mean(np.asarray(expected) != np.asarray(measured)))


def worst(expected: Facts, measured: Facts, apart: Distance) -> dict[str, tuple[float, str]]:
    """Group -> distance of the detail that is furthest apart, and the name of that detail.

    The distance is infinite for NaN, and where one side lacks the fact or has another shape.
    """
    groups: dict[str, tuple[float, str]] = {}
    for group, detail in {**expected, **measured}:
        one, other = expected.get((group, detail)), measured.get((group, detail))
        if one is None or other is None or np.shape(one) != np.shape(other):
            distance = math.inf
        else:
            distance = apart(one, other)
        # `>` below passes over a NaN, but not over infinity.
        distance = math.inf if math.isnan(distance) else distance
        if group not in groups or distance > groups[group][0]:
            groups[group] = (distance, detail)
    return groups
