"""What backends decide for a GPU, seen without one; tests/gpu_dry_run goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import torch
from losing_backend import Losing, begin
from tiny_networks import (
    UNET,
    batch,
    build,
    decide,
    drawn_state,
    model,
)

import backends
from backends import USUAL
from backends.architecture import NormSpec, ResNetSpec
from backends.interface import POOL_STORE, Runtime, check_capability
from backends.model import levels
from backends.objective import Objective
from backends.tf_impl import device as of_tf
from backends.torch_impl import device as of_torch
from backends.torch_impl import networks as torch_networks
from backends.torch_impl.training import Adam
from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.studies.consistency.divergence import _in_force
from harness.system import provenance
from harness.system.load_meter import CpuLoad
from harness.training import timed_worker

RATES = {"learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}


@pytest.fixture(params=USUAL)
def name(request):
    return request.param


# -------------------------------------------------------------------------------------- Adam


def test_the_kernels_count_of_steps_is_where_the_parameter_is():
    parameters = [torch.nn.Parameter(torch.zeros(shape, device="meta")) for shape in (3, (2, 5))]
    adam = Adam(parameters, Objective())
    for parameter in parameters:
        for tensor in adam.state[parameter].values():
            assert tensor.device == parameter.device == torch.device("meta")
        # As torch.optim makes it: its fused kernel takes no other.
        assert adam.state[parameter]["step"].dtype == torch.float32


def test_neither_a_step_nor_a_checkpoint_reads_the_count_from_the_device(monkeypatch):
    objective, networks = Objective(epsilon_hat=True), model()
    backend = build("torch", networks, objective)
    backend.load_state({**drawn_state(networks, objective), "step": np.array(41, np.int64)})

    def waited(tensor):
        raise AssertionError("the host waits for the device")

    for method in ("__int__", "__float__", "__bool__", "item", "tolist"):
        monkeypatch.setattr(torch.Tensor, method, waited)
    backend.train_step(batch(**RATES))
    state = backend.state()
    monkeypatch.undo()
    assert state["step"] == 42
    for adam in (backend.trainer.adam_g, backend.trainer.adam_d):
        assert {float(each["step"]) for each in adam.state.values()} == {42.0}
        epsilon = objective.epsilon / np.sqrt(1 - objective.beta2**42)
        assert adam.param_groups[0]["eps"] == pytest.approx(epsilon, rel=1e-12)


# ----------------------------------------------------------------------------------- layouts


@pytest.mark.parametrize(
    ("asked", "on_cpu", "on_gpu"),
    [(None, True, False), (True, True, True), (False, False, False)],
)
def test_the_layout_is_what_was_asked_for_or_suits_the_device(asked, on_cpu, on_gpu):
    runtime = Runtime(channels_last=asked)
    assert of_torch.channels_last(runtime) is on_cpu
    assert of_torch.channels_last(replace(runtime, device="cuda")) is on_gpu
    assert of_torch.environment(runtime)["channels_last"] is on_cpu
    assert of_tf.environment(runtime)["channels_last"] is None


def test_experiments_of_before_say_true_or_false():
    settings = load_experiment("any", "smoke", []).model_dump(mode="json")
    assert settings["runtime"]["channels_last"] is None
    for said in (True, False):
        settings["runtime"]["channels_last"] = said
        read = Experiment.model_validate(json.loads(json.dumps(settings)))
        assert read.runtime.channels_last is said
    asked = load_experiment("any", "smoke", ["runtime.channels_last=null"])
    assert asked.runtime.channels_last is None


def test_what_a_backend_chose_itself_is_flipped_from_there():
    chosen = _in_force(Runtime(), {"channels_last": True, "precision": "another"})
    assert chosen == Runtime(channels_last=True)
    asked = Runtime(channels_last=False)
    assert _in_force(asked, {"channels_last": True}) == asked


WAYS = {
    "as on a GPU, channels first": (torch.contiguous_format, True, False),
    "as on a GPU, channels last": (torch.channels_last, False, True),
}
GENERATORS = {
    "ResNet": ResNetSpec(filters=4, blocks=1),
    "pixels doubled": ResNetSpec(filters=4, blocks=1, upsampling="resize_conv"),
    "U-Net": replace(UNET, norm=NormSpec(affine=True)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("compiled", ["eagerly", "in a graph", "by XLA"])
def test_compilers_do_not_change_what_a_level_stands_for(dtype, compiled):
    # Division by a constant becomes multiplication by its reciprocal, another number in the end.
    of_tf.configure(Runtime(threads=provenance.default_threads()))
    image = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    number = np.dtype(dtype).type
    right = image.astype(dtype) / number(127.5) - number(1)

    of_torch_now = of_torch.to_tensor(image, torch.from_numpy(levels(dtype)), torch.channels_last)
    assert np.array_equal(of_torch_now.permute(0, 2, 3, 1).numpy(), right)

    def scaled(image):
        return of_tf.to_tensor(image, tf.constant(levels(dtype)))

    ways = {"in a graph": None, "by XLA": True}
    work = tf.function(scaled, jit_compile=ways[compiled]) if compiled in ways else scaled
    assert np.array_equal(work(tf.constant(image)).numpy(), right)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("spec", GENERATORS.values(), ids=GENERATORS)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_layers_compute_the_same_and_keep_to_the_layout(way, spec, count):
    layout, whole, pieces = way
    torch.manual_seed(0)
    usual = torch_networks.generator(spec).double()
    other = torch_networks.generator(spec).double()
    other.load_state_dict(usual.state_dict())
    other.to(memory_format=layout)
    torch_networks.use_kernels(other, torch_networks.Kernels(whole, pieces))
    kept = []

    def look(module, inputs, output):
        # Of a 1x1 image, or one channel, layouts are the same.
        kept.append(output.is_contiguous(memory_format=layout))

    for module in other.modules():
        if isinstance(module, (torch_networks.Norm, torch_networks.Conv)):
            module.register_forward_hook(look)
    images = torch.rand(count, 3, 16, 16, dtype=torch.float64).contiguous(memory_format=layout)
    found, expected = (network(images) for network in (other, usual))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    (found**2).sum().backward()
    (expected**2).sum().backward()
    for one, two in zip(other.parameters(), usual.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-7, atol=1e-9)
    assert len(kept) > 5 and all(kept)


@pytest.mark.parametrize("pieces", [True, False])
def test_with_channels_last_padding_is_not_by_the_kernel_that_turns_them(monkeypatch, pieces):
    """On a CPU that one keeps to the layout."""
    modes, pad = set(), torch.nn.functional.pad

    def watched(x, sides, mode="constant", value=None):
        modes.add(mode)
        return pad(x, sides, mode, value)

    network = torch_networks.generator(GENERATORS["pixels doubled"])
    torch_networks.use_kernels(network, torch_networks.Kernels(pads_in_pieces=pieces))
    monkeypatch.setattr(torch.nn.functional, "pad", watched)
    network(torch.zeros(1, 3, 16, 16))
    assert ("reflect" in modes) is not pieces


# ------------------------------------------------------------------------------------ memory


def test_peak_memory_is_counted_anew_and_the_rest_handed_back(monkeypatch):
    asked = []
    for function in ("synchronize", "empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, function, lambda name=function: asked.append(name))
    of_torch.reset_peak_memory(torch.device("cpu"))
    assert asked == []
    of_torch.reset_peak_memory(torch.device("cuda"))
    assert asked == ["synchronize", "empty_cache", "reset_peak_memory_stats"]

    asked.clear()
    monkeypatch.setattr(tf.config.experimental, "reset_memory_stats", asked.append)
    monkeypatch.setattr(tf.test.experimental, "sync_devices", lambda: asked.append("waited"))
    of_tf.reset_peak_memory("/CPU:0")
    assert asked == []
    of_tf.reset_peak_memory("/GPU:0")
    assert asked == ["waited", "GPU:0"]


def test_on_the_cpu_the_high_water_mark_stays(name):
    backend = build(name, model(), Objective(identity=0))
    before = backend.peak_memory()
    backend.reset_peak_memory()
    assert backend.peak_memory().bytes >= before.bytes


def test_a_run_counts_its_peak_from_the_end_of_the_warm_up(tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "load", Losing)
    run = begin(tmp_path, "timing.warmup_steps=5")
    run.train(3)
    assert not hasattr(run.backend, "reset_after")
    run.train(5)
    run.train(9)
    assert run.backend.reset_after == 5
    run.checkpoint("running")
    again = begin(tmp_path, "timing.warmup_steps=5")
    again.train(14)
    assert again.backend.reset_after == 5, "a process begun anew is cold anew"


def test_a_stopwatch_counts_its_peak_from_what_it_is_told_is_warm_up():
    class Timed:
        def __init__(self):
            self.backend = Losing("any", model(), Objective(), Runtime())

        def train(self, steps):
            self.backend.batches += [None] * steps
            return {"seconds": 1.5}, CpuLoad(0.25, 0.0, 0.0), np.zeros((steps, 1))

    timed = Timed()
    assert timed_worker.answer_to(timed, {"steps": 2}) == {"seconds": 1.5, "load": 0.25}
    assert not hasattr(timed.backend, "reset_after")
    assert timed_worker.answer_to(timed, {"steps": 3, "warmup": True})["seconds"] == 1.5
    timed_worker.answer_to(timed, {"steps": 4})
    assert timed.backend.reset_after == 5


# -------------------------------------------------------------------------------- capability

OLD = {
    "bfloat16": (Runtime("cuda", precision="bfloat16"), r"runtime\.precision: bfloat16.*float32"),
    "TF32": (Runtime("cuda", tf32=True), r"runtime\.tf32: true.*take false"),
}


@pytest.fixture
def tesla(monkeypatch):
    """A GPU of compute capability 7.5 is what both frameworks seem to see."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    details = {"device_name": "Tesla T4", "compute_capability": (7, 5)}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)


@pytest.mark.usefixtures("tesla")
@pytest.mark.parametrize(("runtime", "says"), OLD.values(), ids=OLD)
def test_what_an_old_gpu_cannot_do_is_refused(name, runtime, says):
    configure = {"torch": of_torch, "tf": of_tf}[name].configure
    before = torch.backends.cudnn.benchmark, torch.get_num_threads()
    with pytest.raises(ValueError, match=f"{says}$") as refused:
        configure(runtime)
    assert "Tesla T4 has compute capability 7.5" in str(refused.value)
    assert before == (torch.backends.cudnn.benchmark, torch.get_num_threads())


@pytest.mark.parametrize("runtime", [runtime for runtime, _ in OLD.values()], ids=OLD)
def test_what_a_gpu_can_do_is_not_refused(runtime):
    for capability in ((8, 0), (8, 9), (12, 0), None):
        check_capability(runtime, "a GPU", capability)
    for precision in ("float32", "float64"):
        check_capability(Runtime("cuda", precision=precision), "a GPU", (7, 5))


# ------------------------------------------------------------------------------------ copies


def test_what_goes_to_a_gpu_is_pinned_and_not_waited_for(monkeypatch):
    """What was pinned may be let go: PyTorch's allocator keeps it until the copy has ended."""
    said = []

    def to(tensor, device, non_blocking=False):
        said.append((tensor.sum().item(), device.type, non_blocking))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 1)
    monkeypatch.setattr(torch.Tensor, "to", to)
    array = np.arange(3.0)
    of_torch.to_device(array, torch.device("cuda"))
    sent = of_torch.to_device(array, torch.device("cpu"))
    assert said == [(6.0, "cuda", True), (3.0, "cpu", False)]
    assert np.shares_memory(sent.numpy(), array), "on the CPU nothing is copied"


@pytest.mark.parametrize("adversarial", ["least_squares", "wasserstein_gp"])
def test_mixing_shares_are_sent_where_there_is_a_penalty(name, adversarial):
    backend = build(name, model(), Objective(identity=0, adversarial=adversarial), "float32")
    one = batch()
    sent = backend._tensors(one)
    if adversarial == "wasserstein_gp":
        np.testing.assert_allclose(np.asarray(sent.mix_a), one.mix_a, rtol=1e-6)
    else:
        assert not tf.is_tensor(sent.mix_a) and not torch.is_tensor(sent.mix_a)


def test_drawing_from_a_pool_sends_no_places_to_the_device(monkeypatch):
    """A list of places as an index is a tensor on the host, for which a GPU would be waited for."""
    pool = build("torch", model(), Objective()).trainer.pool_a
    pool.images.copy_(torch.arange(2.0)[:, None, None, None].expand_as(pool.images))
    taken = []
    own = torch.Tensor.__getitem__

    def watched(tensor, place):
        taken.append(place)
        return own(tensor, place)

    monkeypatch.setattr(torch.Tensor, "__getitem__", watched)
    fakes = torch.full((2, 3, 16, 16), 7.0, dtype=pool.images.dtype)
    shown, drawn = pool.exchange(fakes, decide(2, POOL_STORE, 1, drawn=(0, 1, 0)))
    monkeypatch.undo()
    assert taken and all(isinstance(place, int) for place in taken)
    assert drawn[:, 0, 0, 0].tolist() == [0, 7, 0] and (shown == 7).all()


def test_libraries_of_a_gpu_are_none_of_the_cpus(name):
    runtime = Runtime(threads=provenance.default_threads())
    environment = {"torch": of_torch, "tf": of_tf}[name].environment(runtime)
    assert environment["libraries"] == {}
    packages = {"torch", "numpy"} if name == "torch" else {"tensorflow", "keras", "numpy"}
    assert environment["versions"].keys() == packages
