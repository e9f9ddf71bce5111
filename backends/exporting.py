"""What a backend may do besides: hand a generator to other programs.

A backend that can has a module `exporting` beside its `backend`, with a function as
`ExportsOnnx.export_onnx`. None has to.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from backends.architecture import GeneratorSpec
from backends.interface import State

ONNX_INPUT, ONNX_OUTPUT = "image", "translation"


class ExportsOnnx(Protocol):
    def export_onnx(self, spec: GeneratorSpec, weights: State) -> bytes:
        """A generator as an ONNX model: float32, NCHW in [-1, 1], of any batch and size it takes.

        `weights`: own canonical name -> weight or running statistic, as `down0/kernel`; of any
        backend. Without dropout; batch norms use their running statistics. Input ONNX_INPUT, output
        ONNX_OUTPUT.
        """


def exporters() -> tuple[str, ...]:
    """Names of the backends that can. Imports no framework."""
    folders = Path(__file__).parent.glob("*_impl/exporting.py")
    return tuple(sorted(path.parent.name.removesuffix("_impl") for path in folders))


def exporter(name: str) -> ExportsOnnx:
    """Raises KeyError for a name that is none of `exporters`."""
    if name not in exporters():
        raise KeyError(name)
    return cast(ExportsOnnx, importlib.import_module(f"backends.{name}_impl.exporting"))
