"""Builds backends and remembers what was measured of them: nothing is built or traced twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from backends.interface import Backend, Runtime
from backends.model import Model
from harness.processes.remote_backend import Process, load_anywhere, load_in
from harness.studies.parity.parity_case import ParityCase, used_state
from harness.system import provenance

# `tf32`: float32 whose products are rounded to ten bits, which only some GPUs do.
Precision = Literal["float32", "float64", "bfloat16", "tf32"]
T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """A backend and the device it computes on."""

    backend: str
    device: Literal["cpu", "cuda"] = "cpu"


class BackendCache:
    """One case and the backends that are given it; the first of `names` is the reference.

    `sites`: what the names stand for, where that is more than a backend on the CPU. `reduced`:
    precisions below float32 that are measured, too.
    """

    def __init__(
        self,
        case: ParityCase,
        names: Sequence[str],
        sites: Mapping[str, Site] | None = None,
        reduced: Sequence[Precision] = (),
    ):
        self.case, self.names, self.reduced = case, tuple(names), tuple(reduced)
        self.sites = dict(sites or {name: Site(name) for name in names})
        self._processes: dict[tuple[str, bool], Process] = {}
        self._found: dict[tuple[Callable[..., Any], str], Any] = {}
        self._built: dict[tuple[str, str, Model], Backend] = {}

    def once(self, function: Callable[[BackendCache, str], T], name: str) -> T:
        """`function(cache, name)`, computed at the first call."""
        key = (function, name)
        if key not in self._found:
            self._found[key] = function(self, name)
        return self._found[key]

    def adopt(self, other: BackendCache, names: Sequence[str]) -> None:
        """Take over what `other` has found about the backends `names`, of the same case."""
        self._found |= {key: value for key, value in other._found.items() if key[1] in names}

    def backend(self, name: str, precision: Precision, model: Model | None = None) -> Backend:
        """Backend `name` with the used state loaded; `model` in place of the case's."""
        model = model or self.case.model
        key = (name, precision, model)
        if key not in self._built:
            self._built[key] = self.build(name, precision, model)
        backend = self._built[key]
        backend.load_state(used_state(model, self.case.objective))
        return backend

    def computes(self, name: str, precision: Precision) -> bool:
        """Whether there is something to measure: a CPU does not round products to TF32."""
        return precision != "tf32" or self.sites[name].device != "cpu"

    def build(self, name: str, precision: Precision, model: Model | None = None) -> Backend:
        """One that nobody else has used or will use."""
        site = self.sites[name]
        reduced = {"precision": "float32" if precision == "tf32" else precision}
        asked = {**self.case.experiment.runtime.model_dump(), **reduced}
        asked |= {"device": site.device, "tf32": precision == "tf32"}
        runtime = Runtime(threads=provenance.default_threads(), **asked)
        arguments = (site.backend, model or self.case.model, self.case.objective, runtime)
        if site.device == "cpu":
            return load_anywhere(*arguments)
        # A framework sees a GPU from its start on, or never: not in the process that uses the CPU.
        # And TF32 is switched for a whole process: where it is on, float32 is not measured.
        key = (name, precision == "tf32")
        if key not in self._processes:
            self._processes[key] = Process(site.backend)
        return load_in(self._processes[key], *arguments)
