"""Generators as ONNX, by PyTorch's exporter. See backends.exporting.ExportsOnnx."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.export import Dim

from backends.architecture import GeneratorSpec, ResNetSpec
from backends.exporting import ONNX_INPUT, ONNX_OUTPUT
from backends.interface import State
from backends.torch_impl.networks import generator
from backends.torch_impl.weights import from_canonical

OPSET = 20


def export_onnx(spec: GeneratorSpec, weights: State) -> bytes:
    network = generator(spec).eval()
    _load(network, weights)
    # What is added behind the stem counts: there sizes must be multiples.
    added = 2 * (spec.stem_padding - 3) if isinstance(spec, ResNetSpec) else 0
    height, width = (spec.multiple * Dim(name, min=2) - added for name in ("height", "width"))
    # Neither 0 nor 1, which the exporter would take for constants.
    sides = (spec.multiple * times - added for times in (3, 4))
    with _quiet():
        program = torch.onnx.export(
            network,
            (torch.zeros(2, spec.in_channels, *sides),),
            dynamo=True,
            input_names=[ONNX_INPUT],
            output_names=[ONNX_OUTPUT],
            dynamic_shapes=({0: Dim("batch"), 2: height, 3: width},),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # PyTorch notes with every value which line of which file on this machine it came from.
    for graph in (model.graph, *model.functions):
        for part in (*graph.node, *graph.value_info, *getattr(graph, "initializer", ())):
            part.ClearField("metadata_props")
    return model.SerializeToString()


@torch.no_grad()
def _load(network: nn.Module, weights: State) -> None:
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        array = weights[name.replace(".", "/").replace("weight", "kernel")]
        tensor.copy_(from_canonical(array, tensor))


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of packages that it could use, and of its own steps."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
