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
from tiny_networks import PATCH, RESNET, SIZE, batch, model

import backends
from backends import jax_impl
from backends.interface import Runtime
from backends.objective import Objective
from harness.system import provenance

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

    # Not as a test before has left it.
    jax.config.update("jax_cuda_visible_devices", "all")
    yield device
    jax.config.update("jax_cuda_visible_devices", "all")


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


def test_what_is_compiled_rounds_to_bfloat16_behind_every_operation(jax, device):
    """XLA by itself leaves some out: here the one between a convolution and its bias."""
    from backends.jax_impl.networks import Conv, full

    draw, conv = np.random.default_rng(0), Conv(3, 8, 3)
    conv.name, conv.dtype = "conv", "bfloat16"
    arrays = {
        f"conv/{name}": draw.normal(size=shape).astype("float32")
        for name, shape in conv.weights.items()
    }
    images = draw.normal(size=(1, SIZE, SIZE, 3)).astype("float32")

    def layer(arrays, x):
        return full(conv(arrays, x))

    compiled = device.graph(Runtime(precision="bfloat16"))(layer)
    expected = layer(arrays, images)
    assert np.array_equal(compiled(arrays, images), expected)
    assert not np.array_equal(jax.jit(layer)(arrays, images), expected)


# ---------------------------------------------------------------------------------------- steps


def test_a_timed_piece_copies_nothing_that_it_leaves_as_it_is(jax):
    """Of large networks copies would be most of its time. A pass timed apart changes nothing."""
    from backends.jax_impl.training import in_pieces

    def work(arrays, *rest):
        arrays["counted"] = arrays["counted"] + 1

    trainer = SimpleNamespace(adam_g="g", adam_d="d", recorded=work)
    for name in ("fakes", "generator_losses", "generator_backward", "discriminators_on_pools",
                 "update", "update_average"):  # fmt: skip
        setattr(trainer, name, work)
    pieces = in_pieces(trainer, lambda *args, **rest: None, jax.jit)
    arrays = {"counted": jax.numpy.zeros(()), "left": jax.numpy.ones((64, 64))}
    place = arrays["left"].unsafe_buffer_pointer()
    pieces.generator_backward(arrays, None)
    pieces.discriminators_on_pools(arrays, None)
    pieces.update(arrays, "g")
    pieces.update_average(arrays)
    assert arrays["counted"] == 4
    assert arrays["left"].unsafe_buffer_pointer() == place
    assert float(arrays["left"].sum()) == 64 * 64


def test_what_becomes_of_a_batch_behind_a_step_is_nothing_to_it(jax):
    """JAX reads it later."""
    runtime = Runtime(threads=provenance.default_threads())
    backend = backends.load("jax", model(RESNET, PATCH), Objective(pool_size=2), runtime)
    mask = np.ones((2, 4, 4, 2), np.uint8)
    one = batch(kept={"fake_b": (mask,)})
    given = jax.tree.leaves(backend._begin(one))
    assert [array.nbytes for array in given].count(mask.nbytes) == 1
    theirs = [array for array in jax.tree.leaves(one) if isinstance(array, np.ndarray)]
    assert not any(np.shares_memory(mine, array) for mine in given for array in theirs)
