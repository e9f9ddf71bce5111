"""The graph of the Inception network that FID is defined by, as a table (see `inception.py`).

It differs from the Inception v3 of PyTorch's libraries: average pools leave the padding out, the
last block pools by maximum, and there are 1008 classes. Names are those of the published tensors.

torch-fidelity has this network too, and tests compare the two. It is not used in its place: to
import any of its modules is to import torchvision, which fits one version of PyTorch only, and it
reads weights with pickle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CLASSES = 1008


@dataclass(frozen=True)
class Conv:
    """Convolution, batch norm, ReLU. `padded` keeps the size at stride 1; else no padding."""

    name: str
    channels: int
    kernel: int | tuple[int, int] = 1
    stride: int = 1
    padded: bool = True


@dataclass(frozen=True)
class Pool:
    """A pooling layer: no tensors, as many channels as before."""

    name: str
    make: Callable[[], nn.Module]


@dataclass(frozen=True)
class InceptionBlock:
    """A plan of its own under one name."""

    name: str
    plan: Plan


# A list is taken one after another; a tuple side by side, with the outputs concatenated.
Plan = Conv | Pool | InceptionBlock | list[Any] | tuple[Any, ...]


class ConvNormRelu(nn.Module):
    """A `Conv` made into a module; the names of the published tensors have `conv` and `bn`."""

    def __init__(self, inputs: int, plan: Conv) -> None:
        super().__init__()
        height, width = plan.kernel if isinstance(plan.kernel, tuple) else (plan.kernel,) * 2
        padding = (height // 2, width // 2) if plan.padded else 0
        size = (height, width)
        self.conv = nn.Conv2d(inputs, plan.channels, size, plan.stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(plan.channels, eps=0.001)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu_(self.bn(self.conv(x)))

    def fold(self) -> None:
        """Put the batch norm into the convolution: the same function, fewer passes over memory."""
        self.conv = fuse_conv_bn_eval(self.conv, self.bn)
        self.bn = nn.Identity()


class Network(nn.Module):
    """A plan made into modules, which are children by their names in it."""

    def __init__(self, inputs: int, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.channels = self._add(plan, inputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._run(self.plan, x)

    def _add(self, plan: Plan, inputs: int) -> int:
        """Add the plan's modules; returns how many channels they give for `inputs` channels."""
        if isinstance(plan, tuple):
            return sum(self._add(part, inputs) for part in plan)
        if isinstance(plan, list):
            for part in plan:
                inputs = self._add(part, inputs)
            return inputs
        if isinstance(plan, Conv):
            self.add_module(plan.name, ConvNormRelu(inputs, plan))
            return plan.channels
        if isinstance(plan, Pool):
            self.add_module(plan.name, plan.make())
            return inputs
        block = Network(inputs, plan.plan)
        self.add_module(plan.name, block)
        return block.channels

    def _run(self, plan: Plan, x: torch.Tensor) -> torch.Tensor:
        if isinstance(plan, tuple):
            return torch.cat([self._run(part, x) for part in plan], dim=1)
        if isinstance(plan, list):
            for part in plan:
                x = self._run(part, x)
            return x
        return self.get_submodule(plan.name)(x)


def _average() -> nn.Module:
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def _maximum() -> nn.Module:
    return nn.MaxPool2d(3, stride=1, padding=1)


def _halving() -> nn.Module:
    return nn.MaxPool2d(3, stride=2)


def _block_5(pooled: int) -> Plan:
    return (
        Conv("branch1x1", 64),
        [Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, 5)],
        [Conv("branch3x3dbl_1", 64), Conv("branch3x3dbl_2", 96, 3), Conv("branch3x3dbl_3", 96, 3)],
        [Pool("pool", _average), Conv("branch_pool", pooled)],
    )


def _block_6(inner: int) -> Plan:
    return (
        Conv("branch1x1", 192),
        [
            Conv("branch7x7_1", inner),
            Conv("branch7x7_2", inner, (1, 7)),
            Conv("branch7x7_3", 192, (7, 1)),
        ],
        [
            Conv("branch7x7dbl_1", inner),
            Conv("branch7x7dbl_2", inner, (7, 1)),
            Conv("branch7x7dbl_3", inner, (1, 7)),
            Conv("branch7x7dbl_4", inner, (7, 1)),
            Conv("branch7x7dbl_5", 192, (1, 7)),
        ],
        [Pool("pool", _average), Conv("branch_pool", 192)],
    )


def _block_7(pool: Callable[[], nn.Module]) -> Plan:
    return (
        Conv("branch1x1", 320),
        [
            Conv("branch3x3_1", 384),
            (Conv("branch3x3_2a", 384, (1, 3)), Conv("branch3x3_2b", 384, (3, 1))),
        ],
        [
            Conv("branch3x3dbl_1", 448),
            Conv("branch3x3dbl_2", 384, 3),
            (Conv("branch3x3dbl_3a", 384, (1, 3)), Conv("branch3x3dbl_3b", 384, (3, 1))),
        ],
        [Pool("pool", pool), Conv("branch_pool", 192)],
    )


MIXED_6A: Plan = (
    Conv("branch3x3", 384, 3, stride=2, padded=False),
    [
        Conv("branch3x3dbl_1", 64),
        Conv("branch3x3dbl_2", 96, 3),
        Conv("branch3x3dbl_3", 96, 3, stride=2, padded=False),
    ],
    Pool("pool", _halving),
)
MIXED_7A: Plan = (
    [Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, 3, stride=2, padded=False)],
    [
        Conv("branch7x7x3_1", 192),
        Conv("branch7x7x3_2", 192, (1, 7)),
        Conv("branch7x7x3_3", 192, (7, 1)),
        Conv("branch7x7x3_4", 192, 3, stride=2, padded=False),
    ],
    Pool("pool", _halving),
)
INCEPTION_PLAN: Plan = [
    Conv("Conv2d_1a_3x3", 32, 3, stride=2, padded=False),
    Conv("Conv2d_2a_3x3", 32, 3, padded=False),
    Conv("Conv2d_2b_3x3", 64, 3),
    Pool("MaxPool_1", _halving),
    Conv("Conv2d_3b_1x1", 80),
    Conv("Conv2d_4a_3x3", 192, 3, padded=False),
    Pool("MaxPool_2", _halving),
    InceptionBlock("Mixed_5b", _block_5(pooled=32)),
    InceptionBlock("Mixed_5c", _block_5(pooled=64)),
    InceptionBlock("Mixed_5d", _block_5(pooled=64)),
    InceptionBlock("Mixed_6a", MIXED_6A),
    InceptionBlock("Mixed_6b", _block_6(inner=128)),
    InceptionBlock("Mixed_6c", _block_6(inner=160)),
    InceptionBlock("Mixed_6d", _block_6(inner=160)),
    InceptionBlock("Mixed_6e", _block_6(inner=192)),
    InceptionBlock("Mixed_7a", MIXED_7A),
    InceptionBlock("Mixed_7b", _block_7(_average)),
    InceptionBlock("Mixed_7c", _block_7(_maximum)),
]


def build_network() -> Network:
    """The graph without the preprocessing, weights undefined: (N, 3, 299, 299) to (N, 2048, 8, 8).

    `fc` is there for the list of tensors to be the published one; features do not pass it.
    """
    with torch.device("meta"):
        network = Network(3, INCEPTION_PLAN)
        network.fc = nn.Linear(network.channels, CLASSES)
    return network
