"""Canonical state in and out of PyTorch. Read beside tf_impl/weights.py."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from backends.interface import State
from backends.torch_impl.losses import Networks
from backends.torch_impl.training import Trainer


def parameters(networks: Networks) -> dict[str, Parameter]:
    """Canonical name -> parameter."""
    return {
        f"{network}/{name.replace('.', '/').replace('weight', 'kernel')}": parameter
        for network, module in networks._asdict().items()
        for name, parameter in module.named_parameters()
    }


def statistics(networks: Networks) -> dict[str, Tensor]:
    """Canonical name -> running statistic of a batch norm."""
    return {
        f"{network}/{name.replace('.', '/')}": buffer
        for network, module in networks._asdict().items()
        for name, buffer in module.named_buffers()
    }


def averages(trainer: Trainer) -> dict[str, Tensor]:
    """Canonical name -> moving average of a generator's weight or statistic."""
    if trainer.average is None:
        return {}
    averaged = trainer.networks._replace(g_ab=trainer.average.g_ab, g_ba=trainer.average.g_ba)
    named = parameters(averaged) | statistics(averaged)
    return {f"average/{name}": tensor for name, tensor in named.items() if name.startswith("g_")}


def everything(trainer: Trainer) -> dict[str, Tensor]:
    """Canonical name -> tensor, of all that a state holds but the steps taken."""
    named = {**parameters(trainer.networks)}
    for name, parameter in parameters(trainer.networks).items():
        adam = _adam(trainer, name).state[parameter]
        named |= {f"adam_m/{name}": adam["exp_avg"], f"adam_v/{name}": adam["exp_avg_sq"]}
    pools = {name: pool.images for name, pool in trainer.pools.items()}
    return {**named, **statistics(trainer.networks), **averages(trainer), **pools}


def to_canonical(tensor: Tensor) -> np.ndarray:
    """(out, in, h, w) to HWIO; a transposed convolution's (in, out, h, w) to (h, w, out, in); a
    matrix (out, in) to (in, out)."""
    array = tensor.detach().cpu().numpy()
    # A copy: the tensor's memory goes on changing.
    return np.array(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T)


def from_canonical(array: np.ndarray, like: Tensor) -> Tensor:
    """The inverse of `to_canonical`, with the dtype, device and memory format of `like`."""
    array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
    return torch.empty_like(like).copy_(torch.from_numpy(np.ascontiguousarray(array)))


def set_gradients(networks: Networks, gradients: State) -> None:
    for name, parameter in parameters(networks).items():
        parameter.grad = from_canonical(gradients[name], parameter)


@torch.no_grad()
def load_state(trainer: Trainer, state: State) -> None:
    for name, parameter in parameters(trainer.networks).items():
        parameter.copy_(from_canonical(state[name], parameter))
        adam = _adam(trainer, name).state[parameter]
        adam["exp_avg"].copy_(from_canonical(state[f"adam_m/{name}"], parameter))
        adam["exp_avg_sq"].copy_(from_canonical(state[f"adam_v/{name}"], parameter))
    for adam in (trainer.adam_g, trainer.adam_d):
        adam.set_count(int(state["step"]))
    for name, tensor in (statistics(trainer.networks) | averages(trainer)).items():
        tensor.copy_(from_canonical(state[name], tensor))
    for name, pool in trainer.pools.items():
        images = np.ascontiguousarray(state[name].transpose(0, 3, 1, 2))
        pool.images.copy_(torch.from_numpy(images))


def read_state(trainer: Trainer) -> dict[str, np.ndarray]:
    state: dict[str, np.ndarray] = {}
    for name, parameter in parameters(trainer.networks).items():
        adam = _adam(trainer, name).state[parameter]
        state[name] = to_canonical(parameter)
        state[f"adam_m/{name}"] = to_canonical(adam["exp_avg"])
        state[f"adam_v/{name}"] = to_canonical(adam["exp_avg_sq"])
    state["step"] = np.array(trainer.adam_g.count, np.int64)
    for name, tensor in (statistics(trainer.networks) | averages(trainer)).items():
        state[name] = to_canonical(tensor)
    for name, pool in trainer.pools.items():
        state[name] = np.array(pool.images.cpu().numpy().transpose(0, 2, 3, 1))
    return state


def _adam(trainer: Trainer, name: str):
    return trainer.adam_g if name.startswith("g") else trainer.adam_d
