"""What the JAX backend asks of JAX and XLA, for a GPU too: seen without one.

Skipped where JAX is not installed.
"""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from frameworks import INSTALLED

from backends import jax_impl
from backends.interface import Runtime

# JAX is not imported here: `started_jax` has to say before how it compiles.
pytestmark = [
    pytest.mark.usefixtures("started_jax"),
    pytest.mark.skipif("jax" not in INSTALLED, reason="not here: pip install cyclebench[jax]"),
]
SHARES = ("XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION")


@pytest.fixture
def jax(started_jax):
    import jax

    return jax


@pytest.fixture
def device(jax):
    from backends.jax_impl import device

    before = jax.config.read("jax_cuda_visible_devices")
    yield device
    jax.config.update("jax_cuda_visible_devices", before)


# ---------------------------------------------------------------------------- before the start


@pytest.mark.parametrize("chosen", [None, *SHARES])
def test_a_gpus_memory_is_taken_piece_by_piece_and_nearly_all_of_it(monkeypatch, chosen):
    """JAX keeps to its share, three quarters, also where it takes nothing in advance."""
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    monkeypatch.setattr(os, "environ", {chosen: "0.5"} if chosen else {})
    jax_impl.prepare(Runtime(device="cuda", threads=3))
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    # Under both names JAX refuses it.
    assert {name: os.environ[name] for name in SHARES if name in os.environ} == (
        {chosen: "0.5"} if chosen else {SHARES[0]: "0.95"}
    )
    assert (os.environ["PJRT_NPROC"], os.environ["JAX_PLATFORMS"]) == ("3", "cuda,cpu")


def test_of_several_gpus_one_is_opened(monkeypatch, jax, device):
    tesla = SimpleNamespace(compute_capability="7.5", device_kind="Tesla T4", platform="gpu")
    monkeypatch.setattr(jax, "devices", lambda kind: [tesla, None])
    assert jax.config.read("jax_cuda_visible_devices") == "all"
    assert device.configure(Runtime(device="cuda")) is tesla
    assert jax.config.read("jax_cuda_visible_devices") == "0"
    with pytest.raises(ValueError, match=r"bfloat16: Tesla T4 has compute capability 7\.5"):
        device.configure(Runtime(device="cuda", precision="bfloat16"))


def test_why_there_is_no_gpu_is_said(monkeypatch, device):
    monkeypatch.setattr(device.metadata, "entry_points", lambda group: ())
    with pytest.raises(ValueError, match=r"^device cuda: JAX sees none: .*jax\[cuda12\]"):
        device.configure(Runtime(device="cuda"))
    monkeypatch.setattr(device.metadata, "entry_points", lambda group: ("xla_cuda12",))
    with pytest.raises(ValueError, match=r"^device cuda: JAX sees none: \S.*cuda"):
        device.configure(Runtime(device="cuda"))


# ------------------------------------------------------------------------------------- compiled


def test_xla_is_told_to_be_deterministic_by_names_that_it_knows(monkeypatch, device):
    asked = Runtime(device="cuda", deterministic=True, traced=False)
    assert device.graph(asked)(lambda x: x + 1)(np.ones(2)).tolist() == [2, 2]
    monkeypatch.setitem(device.DETERMINISTIC, "xla_gpu_deterministic_op", True)
    with pytest.raises(Exception, match="No such compile option: 'xla_gpu_deterministic_op'"):
        device.graph(asked)(lambda x: x + 1)(np.ones(2))
    for other in (Runtime(deterministic=True), Runtime(device="cuda")):
        assert device.graph(other)(lambda x: x + 1)(np.ones(2)).tolist() == [2, 2]
