"""The four networks of a model as tables: shapes, parameters, FLOPs, receptive fields."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from backends.architecture import Layer, parameter_shapes
from backends.cost import layer_flops, output_sizes, receptive_fields
from backends.model import NETWORKS, ImageShape, Model


@dataclass(frozen=True)
class LayerRow:
    """`output`: height, width, channels. `receptive_field`: pixels of the image along a side."""

    layer: Layer
    output: ImageShape
    parameters: int
    flops: int  # of one image, convolution only
    receptive_field: int


@dataclass(frozen=True)
class NetworkTable:
    """`title` names the networks, one or two that are alike, and the images they take."""

    title: str
    rows: tuple[LayerRow, ...]

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def flops(self) -> int:
        """Of one image."""
        return sum(row.flops for row in self.rows)


def network_rows(model: Model) -> list[NetworkTable]:
    """A table for each network of `model`; two that are alike share one."""
    named: dict[tuple[object, ImageShape], list[str]] = {}
    for name in NETWORKS:
        named.setdefault((getattr(model, name), model.input_shape(name)), []).append(name)
    tables = []
    for (_, shape), names in named.items():
        title = f"{', '.join(names)} on {' x '.join(map(str, shape))}"
        tables.append(NetworkTable(title, _rows(model.layers(names[0]), shape)))
    return tables


def as_json(network: NetworkTable) -> dict[str, Any]:
    """Its layers with their configuration; FLOPs of one image, pixels along a side."""
    return {
        "title": network.title,
        "parameters": network.parameters,
        "flops_per_image": network.flops,
        "layers": [
            {
                **asdict(row.layer),
                "output": list(row.output),
                "parameters": row.parameters,
                "flops_per_image": row.flops,
                "receptive_field_pixels": row.receptive_field,
            }
            for row in network.rows
        ],
    }


def _rows(layers: tuple[Layer, ...], shape: ImageShape) -> tuple[LayerRow, ...]:
    height, width, _ = shape
    columns = zip(
        layers,
        output_sizes(layers, height),
        output_sizes(layers, width),
        layer_flops(layers, height, width),
        receptive_fields(layers),
        strict=True,
    )
    return tuple(
        LayerRow(
            layer,
            (rows, across, layer.out_channels),
            sum(math.prod(shape) for shape in parameter_shapes((layer,)).values()),
            flops,
            field,
        )
        for layer, rows, across, flops, field in columns
    )
