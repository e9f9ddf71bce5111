"""Replicas of a training: what is refused, how they begin and how they end."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from frameworks import ALWAYS
from tiny_networks import RESNET, UNET, batch, drawn_state, model

import backends
from backends import ReplicaLost
from backends.architecture import NormSpec
from backends.interface import Runtime, check_count
from backends.objective import Objective
from backends.shards import check_replicas, shard, share
from backends.torch_impl import follower
from backends.torch_impl.replicas import Replicas
from harness.config.load import load_experiment
from harness.processes.faults import diagnosis
from harness.system import interpreters
from harness.system.errors import UserError

pytestmark = pytest.mark.devices
TWO = Runtime(threads=2, precision="float64", replicas=2)
OBJECTIVE = Objective(pool_size=2, identity=0)
ENDS_WITHIN = 15.0  # seconds, on a busy machine; a second is usual


def gone(process: int) -> bool:
    """Within ENDS_WITHIN."""
    until = time.monotonic() + ENDS_WITHIN
    while time.monotonic() < until:
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def two():
    return trained_by_two()


def trained_by_two():
    backend = backends.load("torch", model(), OBJECTIVE, TWO)
    backend.load_state(drawn_state(model(), OBJECTIVE))
    return backend


def masks(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(2, size=(count, 4, 4, 8), dtype=np.uint8)


def followers(backend) -> follower.Followers:
    return backend.replicas._tell.__self__


# ------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["training.batch_size=3"], "training.batch_size: 3 images cannot be shared out evenly"),
        (["training.batch_size=2", "model.norm.kind=batch"], "runtime.replicas: 2 devices would"),
        (
            ["training.batch_size=2", "model.discriminator_norm={kind: batch}"],
            "model.discriminator_norm.kind batch take 1",
        ),
    ],
)
def test_a_configuration_that_cannot_be_shared_out_is_refused(settings, said):
    with pytest.raises(UserError, match=r"runtime\.replicas") as refused:
        load_experiment("any", "smoke", ["runtime.replicas=2", *settings])
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_what_can_be_shared_out_is_not_refused():
    settings = ["runtime.replicas=2", "training.batch_size=4"]
    assert load_experiment("any", "smoke", settings).runtime.replicas == 2
    check_replicas(model(), TWO)
    check_replicas(model(replace(RESNET, norm=NormSpec(kind="batch"))), Runtime())


@pytest.mark.parametrize("name", ALWAYS)
def test_a_backend_refuses_batch_norms_itself(name):
    with pytest.raises(ValueError, match=r"runtime\.replicas: 2 .* take 1"):
        backends.load(name, model(replace(RESNET, norm=NormSpec(kind="batch"))), OBJECTIVE, TWO)


def test_more_replicas_than_gpus_are_refused():
    check_count(TWO, 2)
    with pytest.raises(ValueError, match=r"runtime\.replicas: 2, but the framework sees 1 GPU"):
        check_count(TWO, 1)


def test_tensorflow_that_has_started_with_one_device_says_so(tensorflow, monkeypatch):
    import tensorflow as tf

    from backends.tf_impl import device

    tf.config.list_logical_devices()
    monkeypatch.setattr(tf.config, "get_logical_device_configuration", lambda cpu: [None])
    with pytest.raises(ValueError, match=r"runtime\.replicas: TensorFlow has started with fewer"):
        device.divide_cpu(64)


# --------------------------------------------------------------------------------- shared out


def test_shares_are_the_batch_in_its_order():
    whole = batch(count=4, kept={"fake_a": (masks(4), masks(4, 1))})
    parts = [shard(whole, rank, 2) for rank in range(2)]
    for field in ("a", "b", "mix_a", "mix_b"):
        joined = np.concatenate([getattr(part, field) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, field))
    for i, mask in enumerate(whole.kept["fake_a"]):
        joined = np.concatenate([part.kept["fake_a"][i] for part in parts])
        np.testing.assert_array_equal(joined, mask)
    assert all(part.pool_a is whole.pool_a for part in parts)
    with pytest.raises(ValueError, match=r"training\.batch_size: 4 .* runtime\.replicas=3"):
        shard(whole, 0, 3)


def test_a_drawn_batch_that_cannot_be_shared_out_is_for_all():
    of_two = Replicas()
    of_two.count, of_two.rank = 2, 1
    images = torch.arange(6.0)
    assert of_two.part(images).tolist() == [3, 4, 5]
    assert of_two.part(images[:3]).tolist() == [0, 1, 2]
    assert share(np.arange(4), 0, 2).tolist() == [0, 1]


def test_what_followers_are_sent_arrives_as_it_was():
    whole, pipe = batch(count=3, kept={"fake_a": (masks(3),)}, learning_rate=1e-3), io.BytesIO()
    follower.write(pipe, ["train_step", whole])
    follower.write(pipe, [model(UNET), OBJECTIVE, TWO, None])
    pipe.seek(0)
    command, found = follower.read(pipe)
    assert command == "train_step" and type(found) is type(whole)
    assert found.learning_rate == whole.learning_rate
    np.testing.assert_array_equal(found.mix_b, whole.mix_b)
    assert found.mix_b.dtype == np.float64 and found.a.dtype == np.uint8
    np.testing.assert_array_equal(found.pool_b.slot, whole.pool_b.slot)
    np.testing.assert_array_equal(found.kept["fake_a"][0], whole.kept["fake_a"][0])
    assert follower.read(pipe) == (model(UNET), OBJECTIVE, TWO, None)
    assert follower.read(pipe) is None


# ----------------------------------------------------------------------------------- endings


def test_followers_end_with_the_backend():
    backend = trained_by_two()
    processes = [process.pid for process in followers(backend).processes]
    backend.train_step(batch(count=2))
    assert len(backend.losses()) == 1 and backend.environment()["replicas"] == 2
    del backend
    gc.collect()
    assert all(map(gone, processes))


@pytest.mark.parametrize("when", ["between steps", "in a step"])
def test_a_follower_that_dies_ends_the_step_with_one_line(two, when):
    [process] = followers(two).processes
    two.train_step(batch(count=2))
    if when == "between steps":
        process.send_signal(signal.SIGKILL)
    else:
        # Stopped, it leaves replica 0 waiting for its gradients; then it dies.
        process.send_signal(signal.SIGSTOP)
        subprocess.Popen(["sh", "-c", f"sleep 1; kill -9 {process.pid}"])
    began = time.monotonic()
    with pytest.raises(ReplicaLost, match=r"replica 1 of runtime\.replicas=2: signal 9") as lost:
        for _ in range(2):
            two.train_step(batch(count=2))
    assert time.monotonic() - began < ENDS_WITHIN and "\n" not in str(lost.value)
    # A worker's parent then starts it again from its checkpoint (timing.restarts).
    assert diagnosis(lost.value) == ("died", str(lost.value))


def test_replicas_that_differ_are_found_when_a_state_is_read(two):
    two.state()
    next(iter(two.networks.g_ba.parameters())).data[0, 0, 0, 0] += 1
    with pytest.raises(RuntimeError, match="replicas differ in g_ba/stem/kernel"):
        two.state()


KILLED = """
import time, backends
from test_backends_replicas import OBJECTIVE, TWO, batch, drawn_state, followers, model
backend = backends.load("torch", model(), OBJECTIVE, TWO)
backend.load_state(drawn_state(model(), OBJECTIVE))
backend.train_step(batch(count=2))
print(*(process.pid for process in followers(backend).processes), flush=True)
WORK
"""


@pytest.mark.parametrize(
    "work", ["time.sleep(600)", "while True: backend.train_step(batch(count=2))"]
)
def test_followers_end_when_replica_0_is_killed(work):
    of_tests = [str(folder) for folder in Path(__file__).parents[:2]]
    environment = interpreters.environment()
    environment["PYTHONPATH"] = os.pathsep.join([*of_tests, environment["PYTHONPATH"]])
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.replace("WORK", work)],
        stdout=subprocess.PIPE,
        env=environment,
    )
    processes = [int(word) for word in process.stdout.readline().split()]
    assert len(processes) == 1
    process.kill()
    process.wait()
    assert all(map(gone, processes))


def test_a_follower_imports_nothing_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong one')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    backends.load("torch", model(), OBJECTIVE, TWO).load_state(drawn_state(model(), OBJECTIVE))
