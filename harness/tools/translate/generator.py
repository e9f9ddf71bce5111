"""A trained generator in a backend, and the sizes of images that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import backends
from backends.architecture import ResNetSpec
from backends.interface import Backend, Direction, Runtime
from harness.config.backend_names import check_backends, check_recorded
from harness.config.experiment import Experiment
from harness.processes.remote_backend import load_anywhere
from harness.system.errors import UserError
from harness.system.interpreters import installed
from harness.tools.trained_model import TrainedModel

# Translated at once. With 64 filters, the outputs of all layers take about 1 kB a pixel.
MOST_PIXELS = 2**22


def choose_backend(trained: TrainedModel, asked: str | None) -> str:
    """The one asked for, else the one that trained it, else one of the same framework, else the
    first that is installed.

    Raises UserError where there is none. A Python that a record names is only run if asked for.
    """
    if asked is not None:
        check_backends([asked])
        return asked
    here, own = installed(), trained.backend
    if own is not None and "@" in own:
        try:
            check_recorded([own], ())
            return own
        except UserError:
            own = backends.implementation(own)
    if own in here or not here:
        check_backends([own or backends.available()[0]])
    return own if own in here else here[0]


def load_backend(
    trained: TrainedModel, name: str, device: str, threads: int, **changes: Any
) -> Backend:
    """With the weights of `trained`, ready to translate. `changes`: fields of Runtime.

    Nothing is compiled that need not be: that would begin anew for every size. Raises
    UserError for what the device cannot do.
    """
    model, objective, state = trained.loadable()
    asked = {
        **trained.configuration.runtime.model_dump(),
        "compile": "none",
        "replicas": 1,
        **changes,
    }
    try:
        runtime = Runtime(device=device, threads=threads, **asked)  # type: ignore[arg-type]
        backend = load_anywhere(name, model, objective, runtime)
    except ValueError as error:
        raise UserError(f"backend {name}: {error}; add --device cpu") from None
    backend.load_state(state)
    return backend


@dataclass(frozen=True)
class Sizes:
    """What a generator takes: sides that are multiples of `multiple`, `least` pixels or more.

    Other images are mirrored beyond the edge up to such a side, and their translation is cut back.
    `only`: the one side in pixels it was trained on, where its translations have another size and
    could not be cut back to the image's; else None.
    """

    multiple: int
    least: int
    only: int | None = None

    def check(self, name: object, height: int, width: int) -> None:
        """Raises UserError for an image that is too large, or cannot be translated at its size."""
        if self.only is not None and (height, width) != (self.only, self.only):
            raise UserError(
                f"{name}: {width} x {height} px, but this generator changes the size of images, and"
                f" takes those it was trained on; add --size {self.only}"
            )
        rows, columns = height + self._missing(height), width + self._missing(width)
        if rows * columns > MOST_PIXELS:
            raise UserError(
                f"{name}: {columns} x {rows} px are more than the {MOST_PIXELS:,} that are"
                " translated at once; give a --size below, or a smaller copy"
            )

    def padded(self, image: np.ndarray) -> np.ndarray:
        """(H, W, C) with as many rows below and columns at the right, mirrored, as are missing."""
        rows, columns = (self._missing(side) for side in image.shape[:2])
        return np.pad(image, ((0, rows), (0, columns), (0, 0)), "reflect")

    def _missing(self, side: int) -> int:
        if self.only is not None:
            return 0
        return max(-(-side // self.multiple) * self.multiple, self.least) - side


def sizes_for(configuration: Experiment, direction: Direction) -> Sizes:
    """Of the generator of a direction."""
    model = configuration.networks()
    spec = model.g_ab if direction == "ab" else model.g_ba
    own, other = (configuration.data.crop(domain) for domain in direction)
    # Reflection padding in residual blocks needs two pixels.
    blocks = isinstance(spec, ResNetSpec) and spec.blocks > 0
    least = spec.multiple * (2 if blocks else 1)
    return Sizes(spec.multiple, least, own if own != other else None)
