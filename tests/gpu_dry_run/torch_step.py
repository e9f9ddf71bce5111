"""What PyTorch would do in a training step on a GPU, counted on tensors without memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import gradients
import torch
from settings import Setting
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from backends.torch_impl import device
from backends.torch_impl.backend import Backend

COPIES = ("clone", "_to_copy", "copy_", "contiguous")
CONVOLUTIONS = ("convolution", "convolution_backward", "cudnn_convolution")
# What reads a number, or a size that depends on numbers, waits for the device.
WAITING = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal")
# No kernel: memory is taken, or looked at in another way.
FREE = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach", "alias")
FREE += (
    "device",
    "_unsafe_view",
    "_reshape_alias",
    "lift_fresh",
    "split",
    "split_with_sizes",
    "unbind",
)


@dataclass
class Counts:
    """Of one step. `mixed`: operations on tensors of more than one device, copies left out."""

    operations: int = 0
    layout_copies: int = 0
    hidden_layout_copies: int = 0
    host_waits: int = 0
    copies_to_device: int = 0
    mixed: list[str] = field(default_factory=list)
    by_name: Counter = field(default_factory=Counter)


def layout(tensor: Tensor) -> str | None:
    """ "first" or "last" where channels are; None where both are the same, or neither is so."""
    if tensor.dim() != 4:
        return None
    first = tensor.is_contiguous()
    last = tensor.is_contiguous(memory_format=torch.channels_last)
    return None if first == last else ("first" if first else "last")


class Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.counts = Counts()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        found = function(*args, **kwargs)
        self.look(function, args, kwargs, found)
        return found

    def look(self, function: Any, args: tuple, kwargs: dict, found: Any) -> None:
        name = function.overloadpacket.__name__
        given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        made = [each for each in tree_leaves(found) if isinstance(each, Tensor)]
        counts, copy = self.counts, name in COPIES
        devices = {each.device.type for each in (*given, *(made if copy else []))}
        if name in WAITING:
            counts.host_waits += 1
        if len(devices) > 1:
            if copy:
                self.between(given, made, args, kwargs)
            else:
                counts.mixed.append(f"{name} {sorted(devices)}")
        if "cuda" not in devices and not any(each.device.type == "cuda" for each in made):
            return
        if function.is_view or name in FREE:
            return
        counts.operations += 1
        counts.by_name[name] += 1
        if copy and given and made:
            source, target = (given[1], given[0]) if name == "copy_" else (given[0], made[0])
            layouts = (layout(source), layout(target))
            counts.layout_copies += None not in layouts and layouts[0] != layouts[1]
        elif name in CONVOLUTIONS:
            layouts = {layout(each) for each in given} - {None}
            counts.hidden_layout_copies += len(layouts) > 1

    def between(self, given: list[Tensor], made: list[Tensor], args: tuple, kwargs: dict) -> None:
        """A copy between host and device: it waits, unless it is of pinned memory and may not."""
        source = given[-1]
        blocking = not kwargs.get("non_blocking", False)
        if source.device.type == "cpu":
            self.counts.copies_to_device += 1
            self.counts.host_waits += blocking or not getattr(source, "pinned", False)
        else:
            self.counts.host_waits += 1


def pinned(tensor: Tensor) -> Tensor:
    tensor.pinned = True  # type: ignore[attr-defined]
    return tensor


def to(module: nn.Module, *where: Any, memory_format: torch.memory_format) -> nn.Module:
    """`Module.to`, which cannot swap what is inside of tensors without memory, with new ones."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            wanted = memory_format if parameter.dim() == 4 else torch.preserve_format
            moved = parameter.detach().to(*where, memory_format=wanted)
            setattr(part, name, nn.Parameter(moved))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, buffer.to(*where))
    return module


def pretending() -> Iterator[Any]:
    """What PyTorch asks of a GPU before it computes on one."""
    gpu = torch.device("cuda", 0)
    yield mock.patch.object(device, "configure", lambda runtime: gpu)
    yield mock.patch.object(device, "synchronize", lambda _: None)
    # Not `is_available`: where that says yes, fake tensors ask the driver for a context first.
    autocast = torch.cuda.amp.common
    yield mock.patch.object(autocast, "amp_definitely_not_available", lambda: False)
    yield mock.patch.object(torch.cuda, "is_bf16_supported", lambda *_: True)
    yield mock.patch.object(torch.Tensor, "pin_memory", pinned)
    yield mock.patch.object(nn.Module, "to", to)
    yield mock.patch.object(torch.Tensor, "backward", gradients.backward)
    yield mock.patch.object(torch.autograd, "grad", gradients.grad)
    yield FakeTensorMode(allow_non_fake_inputs=True)


def count(setting: Setting) -> Counts:
    """Of the second step: in the first, gradients have no memory yet."""
    with ExitStack() as stack:
        for each in pretending():
            stack.enter_context(each)
        backend = Backend(setting.model(), setting.objective(), setting.runtime("cuda"))
        batch = setting.batch()
        backend.train_step(batch)
        with Counting() as counting:
            backend.train_step(batch)
    return counting.counts
