"""Canonical state in and out of TensorFlow. Read beside torch_impl/weights.py."""

from __future__ import annotations

import numpy as np
from tensorflow import Variable

from backends.interface import State
from backends.tf_impl.losses import Networks
from backends.tf_impl.training import Trainer

PREFIX = "average_"  # of the names of the networks that hold averages


def parameters(networks: Networks) -> dict[str, Variable]:
    """Canonical name -> variable."""
    return {
        variable.path: variable.value
        for network in networks
        for variable in network.trainable_variables
    }


def statistics(networks: Networks) -> dict[str, Variable]:
    """Canonical name -> running statistic of a batch norm."""
    return {
        variable.path: variable.value
        for network in networks
        for variable in network.non_trainable_variables
    }


def averages(trainer: Trainer) -> dict[str, Variable]:
    """Canonical name -> moving average of a generator's weight or statistic."""
    if trainer.average is None:
        return {}
    averaged = trainer.networks._replace(g_ab=trainer.average.g_ab, g_ba=trainer.average.g_ba)
    named = parameters(averaged) | statistics(averaged)
    return {
        f"average/{name}".replace(f"/{PREFIX}", "/"): variable
        for name, variable in named.items()
        if name.startswith(PREFIX)
    }


def everything(trainer: Trainer) -> dict[str, Variable]:
    """Canonical name -> variable, of all that a state holds but the steps taken."""
    named = {**parameters(trainer.networks)}
    for name, _, m, v in _slots(trainer):
        named |= {f"adam_m/{name}": m, f"adam_v/{name}": v}
    pools = {name: pool.images for name, pool in trainer.pools.items()}
    return {**named, **statistics(trainer.networks), **averages(trainer), **pools}


def to_canonical(variable: Variable) -> np.ndarray:
    """TensorFlow's layouts are the canonical ones."""
    return np.array(variable.numpy())


def load_state(trainer: Trainer, state: State) -> None:
    for name, variable, m, v in _slots(trainer):
        variable.assign(state[name])
        m.assign(state[f"adam_m/{name}"])
        v.assign(state[f"adam_v/{name}"])
    for adam in (trainer.adam_g, trainer.adam_d):
        adam.step.assign(int(state["step"]))
    for name, variable in (statistics(trainer.networks) | averages(trainer)).items():
        variable.assign(state[name])
    for name, pool in trainer.pools.items():
        pool.images.assign(state[name])


def read_state(trainer: Trainer) -> dict[str, np.ndarray]:
    state: dict[str, np.ndarray] = {}
    for name, variable, m, v in _slots(trainer):
        state[name] = to_canonical(variable)
        state[f"adam_m/{name}"] = to_canonical(m)
        state[f"adam_v/{name}"] = to_canonical(v)
    state["step"] = np.array(trainer.adam_g.step.numpy(), np.int64)
    for name, variable in (statistics(trainer.networks) | averages(trainer)).items():
        state[name] = to_canonical(variable)
    for name, pool in trainer.pools.items():
        state[name] = to_canonical(pool.images)
    return state


def _slots(trainer: Trainer):
    """Canonical name, variable and both Adam moments of every parameter."""
    adams = (trainer.adam_g, trainer.adam_d)
    m = [slot for adam in adams for slot in adam.m]
    v = [slot for adam in adams for slot in adam.v]
    named = parameters(trainer.networks)
    return zip(named.keys(), named.values(), m, v, strict=True)
