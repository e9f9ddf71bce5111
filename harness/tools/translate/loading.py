"""A trained model in one of the backends."""

from __future__ import annotations

from typing import Any

import backends
from backends.interface import Backend, Runtime
from harness.config.experiment import check_backends
from harness.processes.remote_backend import load_anywhere
from harness.system.errors import UserError
from harness.system.interpreters import installed
from harness.tools.trained_model import TrainedModel


def choose_backend(trained: TrainedModel, asked: str | None) -> str:
    """The one asked for; or that which trained it, or the first that is installed.

    Raises UserError where there is none.
    """
    if asked is not None:
        check_backends([asked])
        return asked
    here, own = installed(), trained.backend
    if own in here or not here:
        check_backends([own or backends.available()[0]])
    return own if own in here else here[0]


def load_backend(
    trained: TrainedModel, name: str, device: str, threads: int, **changes: Any
) -> Backend:
    """With the weights of `trained`, ready to translate. `changes`: fields of Runtime.

    Nothing is compiled: that would begin anew for every size. Raises UserError for what the device
    cannot do.
    """
    model, objective, state = trained.loadable()
    asked = {**trained.configuration.runtime.model_dump(), "compile": "none", **changes}
    try:
        runtime = Runtime(device=device, threads=threads, **asked)  # type: ignore[arg-type]
        backend = load_anywhere(name, model, objective, runtime)
    except ValueError as error:
        raise UserError(f"backend {name}: {error}; add --device cpu") from None
    backend.load_state(state)
    return backend
