"""What a .pth file may hold, and what is said of one, or of a folder, that holds something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from published_files import (
    A2B,
    B2A,
    JUDGES,
    NUMBER,
    imported,
    is_of,
    taken_in,
)
from torch import nn

from harness.system.errors import UserError
from harness.tools.trained_model import read_model


class Lightning(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.netG_A2B, self.netG_B2A = A2B, B2A
        self.loss = nn.Module()
        self.loss.register_buffer("target", torch.ones(1))


def adam(network: nn.Module) -> Mapping[str, Any]:
    optimiser = torch.optim.Adam(network.parameters())
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    return optimiser.state_dict()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: {"epoch": 3, "state_dict": A2B.state_dict(), "optimizer": adam(A2B)}, ""),
        (lambda: {"state_dict": nn.DataParallel(A2B).state_dict()}, ""),
        (lambda: {"net": A2B.state_dict(), "best": {"loss": NUMBER}}, ""),
        (lambda: {name: each.double() for name, each in A2B.state_dict().items()}, "float64"),
        (lambda: {"generator": A2B.state_dict(), "critic": JUDGES[0].state_dict()}, "generator"),
        (lambda: A2B, "a whole network"),
        (lambda: {"net": nn.DataParallel(A2B), "args": object}, ""),
    ],
)
def test_weights_are_read_where_they_lie_in_a_file(tmp_path, content, says) -> None:
    path = tmp_path / "w.pth"
    torch.save(content(), path)
    done = imported(path, tmp_path / "model")
    assert is_of(read_model(done.folder), "g_ab", A2B)
    assert any(says in note for note in done.notes)


def test_half_precision_is_said(tmp_path) -> None:
    path = tmp_path / "latest_net_G.pth"
    torch.save({name: each.half() for name, each in A2B.state_dict().items()}, path)
    done = imported(path, tmp_path / "model")
    assert "latest_net_G.pth: 16 tensors of float16 are taken as float32." in done.notes
    kernel = read_model(done.folder).state["g_ab/stem/kernel"]
    first = A2B.state_dict()["model.1.weight"].half().float().numpy()
    assert np.array_equal(kernel, first.transpose(2, 3, 1, 0)) and kernel.dtype == np.float32


@pytest.mark.parametrize(
    "content",
    [
        lambda: {"G_A": A2B.state_dict(), "G_B": B2A.state_dict(), "best": {"loss": NUMBER}},
        lambda: {"models": {"netG_A2B": A2B.state_dict(), "netG_B2A": B2A.state_dict()}},
        lambda: {"epoch": 1, "state_dict": Lightning().state_dict()},
    ],
)
def test_several_networks_in_a_file_are_told_apart_by_their_names(tmp_path, content) -> None:
    path = tmp_path / "last.pth"
    torch.save(content(), path)
    trained = taken_in(path, tmp_path / "model")
    assert is_of(trained, "g_ab", A2B) and is_of(trained, "g_ba", B2A)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: {"params": A2B.state_dict(), "params_ema": B2A.state_dict()},
         "2 networks in it, 'params', 'params_ema'; save the generator's"),
        (lambda: JUDGES[0].state_dict(), "holds a discriminator; a generator is needed"),
        (lambda: nn.Conv2d(3, 3, 3).state_dict(), "has 'bias', 'weight', ..., names of no network"),
        (lambda: {"epoch": 3, "loss": [1.0]}, r"no tensors by name: 'epoch' \(a int\)"),
        (lambda: 3, "a int, not tensors by name"),
        (lambda: {**A2B.state_dict(), "model.18.weight": torch.zeros(4, 3, 7, 7),
                  "model.1.weight": torch.zeros(3, 4, 7, 7)},
         r"channels_a is 3, in the file 4.* but data.channels_a: input should be 1 or 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_said_with_what_would_do(tmp_path, content, says) -> None:
    path = tmp_path / "w.pth"
    torch.save(content(), path)
    with pytest.raises(UserError, match=says):
        imported(path, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ((), r"there is no \.pth file; name a file of one generator"),
        (("a.pth", "b.pth"), r"there are 'a\.pth', 'b\.pth'; name a file"),
        (("a.h5", "b.h5"), r"no \.pth file but 'a\.h5', 'b\.h5'; name a file"),
        (("below/latest_net_G.pth",), r"but some in .*below; name"),
    ],
)
def test_a_folder_of_something_else_is_described(tmp_path, files, says) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=says):
        imported(tmp_path, tmp_path / "model")
