"""Canonical state in and out of JAX. Read beside torch_impl/weights.py."""

from __future__ import annotations

import jax
import numpy as np
from jax import Array

from backends.interface import State
from backends.jax_impl import networks as layers
from backends.jax_impl.device import to_device
from backends.jax_impl.losses import Networks
from backends.jax_impl.networks import Arrays, Shapes
from backends.jax_impl.training import Trainer

PREFIX = "average/"


def parameters(networks: Networks) -> Shapes:
    """Canonical name -> shape."""
    return {k: shape for network in networks for k, shape in layers.parameters(network).items()}


def statistics(networks: Networks) -> Shapes:
    """Canonical name -> shape of a running statistic of a batch norm."""
    return {k: shape for network in networks for k, shape in layers.statistics(network).items()}


def averages(trainer: Trainer) -> Shapes:
    """Canonical name -> shape of the moving average of a generator's weight or statistic."""
    if trainer.average is None:
        return {}
    return {f"{PREFIX}{name}": shape for name, shape in trainer.average.current.items()}


def everything(trainer: Trainer) -> Shapes:
    """Canonical name -> shape, of all that a state holds but the steps taken."""
    named = parameters(trainer.networks)
    slots = {f"adam_{slot}/{name}": shape for slot in "mv" for name, shape in named.items()}
    pools = {name: pool.shape for name, pool in trainer.pools.items()}
    return {**named, **slots, **statistics(trainer.networks), **averages(trainer), **pools}


def averaged(arrays: Arrays) -> Arrays:
    """The moving averages under the names of what they are averages of."""
    return {
        name.removeprefix(PREFIX): array
        for name, array in arrays.items()
        if name.startswith(PREFIX)
    }


def to_canonical(array: Array) -> np.ndarray:
    """JAX's layouts here are the canonical ones."""
    # A copy: the device's memory is given to the next step.
    return np.array(array)


def from_canonical(array: np.ndarray, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """For the device. Raises ValueError for another shape."""
    if array.shape != shape:
        raise ValueError(f"an array of shape {array.shape} where {shape} is needed")
    return array.astype(dtype)


def load_state(trainer: Trainer, state: State, dtype: str, device: jax.Device) -> None:
    named = everything(trainer).items()
    arrays = {name: from_canonical(state[name], shape, dtype) for name, shape in named}
    trainer.arrays = to_device(arrays, device)
    for adam in (trainer.adam_g, trainer.adam_d):
        adam.count = int(state["step"])


def read_state(trainer: Trainer) -> dict[str, np.ndarray]:
    state = {name: to_canonical(trainer.arrays[name]) for name in everything(trainer)}
    state["step"] = np.array(trainer.adam_g.count, np.int64)
    return state
