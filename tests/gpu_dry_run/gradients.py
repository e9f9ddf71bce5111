"""Reverse-mode differentiation by PyTorch's own nodes, walked through in Python.

PyTorch's engine asks the driver about the device of a gradient, even of one without memory, and
fails where there is no driver. Nodes compute gradients just the same when they are called here; how
the engine combines them is written out.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def backward(loss: Tensor) -> None:
    """In place of `Tensor.backward` of a scalar, where no gradient is there yet."""
    with torch.no_grad():
        found = _gradients(loss)
        for node, gradient in found.items():
            variable = node.variable
            assert variable.grad is None
            if gradient.stride() != variable.stride():
                # A gradient has the layout of its parameter.
                gradient = torch.empty_like(variable).copy_(gradient)
            variable.grad = gradient.detach()


def grad(outputs: Tensor, inputs: Tensor, create_graph: bool = False) -> tuple[Tensor]:
    """In place of `torch.autograd.grad` of a scalar, for one leaf."""
    with torch.set_grad_enabled(create_graph):
        for node, gradient in _gradients(outputs).items():
            if node.variable is inputs:
                return (gradient,)
    raise AssertionError("the output does not depend on the input")


def _gradients(loss: Tensor) -> dict[Any, Tensor]:
    """By node of a leaf (AccumulateGrad)."""
    waiting = _uses(loss.grad_fn)
    arrived: dict[Any, dict[int, Tensor]] = defaultdict(dict)
    arrived[loss.grad_fn][0] = torch.ones_like(loss)
    ready, leaves = deque([loss.grad_fn]), {}
    while ready:
        node = ready.popleft()
        given = arrived.pop(node, {})
        if hasattr(node, "variable"):
            if given:
                leaves[node] = given[0]
            continue
        found: Any = (None,) * len(node.next_functions)
        if given:
            found = node(*(given.get(i) for i in range(len(node._input_metadata))))
        found = found if isinstance(found, (tuple, list)) else (found,)
        for (following, place), gradient in zip(node.next_functions, found, strict=True):
            if following is None:
                continue
            if gradient is not None:
                gradient = _as_expected(gradient, following._input_metadata[place])
                before = arrived[following].get(place)
                arrived[following][place] = gradient if before is None else before + gradient
            waiting[following] -= 1
            if waiting[following] == 0:
                ready.append(following)
    return leaves


def _uses(root: Any) -> dict[Any, int]:
    """How many edges lead to each node."""
    uses: dict[Any, int] = defaultdict(int)
    seen, stack = {root}, [root]
    while stack:
        for following, _ in stack.pop().next_functions:
            if following is None:
                continue
            uses[following] += 1
            if following not in seen:
                seen.add(following)
                stack.append(following)
    return uses


def _as_expected(gradient: Tensor, metadata: Any) -> Tensor:
    """Summed over what was broadcast, in the precision of what it is the gradient of."""
    shape: Sequence[int] = tuple(metadata.shape)
    gradient = gradient if gradient.shape == shape else gradient.sum_to_size(shape)
    return gradient if gradient.dtype == metadata.dtype else gradient.to(metadata.dtype)
