"""Images of sizes that a generator was not trained on: mirrored up to what it takes, cut back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.architecture import GeneratorSpec, ResNetSpec
from backends.interface import Direction
from harness.config.experiment import Experiment
from harness.system.errors import UserError

# At once, and with them what every layer makes of them: about 1 kB a pixel with 64 filters.
MOST_PIXELS = 2**22


@dataclass(frozen=True)
class Sizes:
    """What a generator takes: sides that are multiples of `multiple`, `least` pixels or more.

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
    spec: GeneratorSpec = model.g_ab if direction == "ab" else model.g_ba
    own, other = (configuration.data.crop(domain) for domain in direction)
    # Reflection padding in residual blocks needs two pixels.
    blocks = isinstance(spec, ResNetSpec) and spec.blocks > 0
    least = spec.multiple * (2 if blocks else 1)
    return Sizes(spec.multiple, least, own if own != other else None)
