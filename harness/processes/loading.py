"""A backend in this process, or one line that says why there is none."""

from __future__ import annotations

from typing import Any

import backends
from backends.interface import Runtime
from harness.system.errors import UserError


def load_here(name: str, model: Any, objective: Any, runtime: Runtime) -> Any:
    """As `backends.load`. Raises UserError where the device cannot do what `runtime` asks for."""
    try:
        return backends.load(name, model, objective, runtime)
    except ValueError as error:
        fix = (
            "; `make doctor` looks into it; or add --device cpu" if runtime.device == "cuda" else ""
        )
        raise UserError(f"backend {name}: {error}{fix}") from None
