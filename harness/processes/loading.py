"""A backend in this process, or one line that says why there is none."""

from __future__ import annotations

import backends
from backends.interface import Backend, Runtime
from backends.model import Model
from backends.objective import Objective
from harness.system.errors import UserError


def load_here(name: str, model: Model, objective: Objective, runtime: Runtime) -> Backend:
    """As `backends.load`. Raises UserError where the device cannot do what `runtime` asks for."""
    try:
        return backends.load(name, model, objective, runtime)
    except ValueError as error:
        fix = (
            "; `make doctor` looks into it; or add --device cpu" if runtime.device == "cuda" else ""
        )
        raise UserError(f"backend {name}: {error}{fix}") from None
