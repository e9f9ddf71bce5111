"""Generators that Keras has saved: every form of file, and what the networks here make of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from frameworks import INSTALLED

from backends.interface import Runtime
from harness.config.experiment import Experiment
from harness.config.load import load_experiment
from harness.system import provenance
from harness.system.errors import UserError
from harness.tools.imports.checkpoint import import_checkpoint
from harness.tools.trained_model import read_model

pytestmark = pytest.mark.skipif("tf" not in INSTALLED, reason="tf is not installed here")
SMALL = ["data.load_size=32", "data.crop_size=32", "model.filters=3", "model.blocks=1"]
NEEDED = {
    "model.padding=same", "model.transposed_crop=last", "model.norm.epsilon=0.001",
    "model.norm.affine=true", "model.bias=false",
}  # fmt: skip


def experiment(*settings: str) -> Experiment:
    return load_experiment("horses", "paper", [*SMALL, *settings])


def generator(seed: int):
    """LynnHo's ResnetGenerator put together anew, of 3 filters and one block."""
    import keras
    import tensorflow as tf

    class InstanceNormalization(keras.layers.Layer):
        def build(self, shape):
            self.gamma = self.add_weight(name="gamma", shape=(shape[-1],))
            self.beta = self.add_weight(name="beta", shape=(shape[-1],))

        def call(self, x):
            mean, variance = tf.nn.moments(x, (1, 2), keepdims=True)
            return self.gamma * (x - mean) * tf.math.rsqrt(variance + 1e-3) + self.beta

    class Pad(keras.layers.Layer):
        def __init__(self, pixels):
            super().__init__()
            self.pixels = pixels

        def call(self, x):
            sides = (self.pixels, self.pixels)
            return tf.pad(x, ((0, 0), sides, sides, (0, 0)), "REFLECT")

    def normed(x, layer):
        return InstanceNormalization()(layer(x))

    layers, relu = keras.layers, keras.layers.ReLU()
    plain = {"use_bias": False}
    x = inputs = keras.Input((32, 32, 3))
    x = relu(normed(Pad(3)(x), layers.Conv2D(3, 7, **plain)))
    for filters in (6, 12):
        x = relu(normed(x, layers.Conv2D(filters, 3, strides=2, padding="same", **plain)))
    h = relu(normed(Pad(1)(x), layers.Conv2D(12, 3, **plain)))
    x = layers.add([x, normed(Pad(1)(h), layers.Conv2D(12, 3, **plain))])
    for filters in (6, 3):
        x = relu(normed(x, layers.Conv2DTranspose(filters, 3, strides=2, padding="same", **plain)))
    x = layers.Activation("tanh")(layers.Conv2D(3, 7)(Pad(3)(x)))
    network = keras.Model(inputs, x)
    draw = np.random.default_rng(seed)
    network.set_weights([draw.normal(0.1, 0.3, each.shape) for each in network.get_weights()])
    return network


def weighted(network) -> list:
    return [layer for layer in network.layers if layer.weights]


def save_checkpoint(prefix: Path, **networks) -> None:
    """With the names that Keras 2 gave, and discriminators and an optimiser beside them."""
    import tensorflow as tf

    def tracked(network):
        return tf.train.Checkpoint(**{
            f"layer_with_weights-{number}": tf.train.Checkpoint(
                **{one.name: tf.Variable(one.numpy()) for one in layer.weights}
            )
            for number, layer in enumerate(weighted(network))
        })  # fmt: skip

    kept = {name: tracked(network) for name, network in networks.items()}
    kept["D_A"] = tf.train.Checkpoint(**{"layer_with_weights-0": tf.train.Checkpoint()})
    kept["ep_cnt"] = tf.Variable(3)
    tf.train.Checkpoint(**kept).write(str(prefix))


def save_as_keras_2(path: Path, network) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{one.name}:0" for one in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, one in zip(names, layer.weights, strict=True):
                group[name] = one.numpy()


@pytest.fixture(scope="module")
def networks(tensorflow):
    return generator(0), generator(1)


@pytest.fixture(scope="module")
def files(networks, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    networks[0].save_weights(folder / "G_A2B.weights.h5")
    networks[0].save(folder / "G_A2B.keras")
    save_as_keras_2(folder / "G_A2B.h5", networks[0])
    (folder / "checkpoints").mkdir()
    for number in (9, 10):
        a, b = networks if number == 10 else networks[::-1]
        save_checkpoint(folder / f"checkpoints/Checkpoint-{number}", G_A2B=a, G_B2A=b)
    return folder


@pytest.mark.parametrize("name", ["G_A2B.weights.h5", "G_A2B.keras", "G_A2B.h5", "checkpoints"])
def test_both_backends_compute_what_keras_does(tmp_path, eager, networks, files, name) -> None:
    import backends

    done = import_checkpoint(files / name, experiment(*NEEDED), tmp_path / "model")
    trained = read_model(done.folder)
    assert done.directions == (("ab", "ba") if name == "checkpoints" else ("ab",))
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    model, objective, state = trained.loadable()
    runtime = Runtime(threads=provenance.default_threads())
    # What a file says is the same whatever its form: once in every backend.
    for each in INSTALLED if name == "checkpoints" else INSTALLED[:1]:
        backend = backends.load(each, model, objective, runtime)
        backend.load_state(state)
        for way, network in zip(done.directions, networks, strict=False):
            expected = network(image / np.float32(127.5) - 1).numpy()
            assert np.ptp(expected) > 0.05
            output = backend.activations(f"g_{way}", image)["output"]
            assert np.abs(output - expected).max() < 2e-5, (each, way)


def test_what_would_fit_is_named(tmp_path, files) -> None:
    wrong = load_experiment("horses", "smoke", ["model.norm.kind=batch"])
    with pytest.raises(UserError, match=r"G_A2B\.h5: .*filters is 4, in the file 3") as refused:
        import_checkpoint(files / "G_A2B.h5", wrong, tmp_path / "model")
    more = str(refused.value).partition("--set '")[2].rstrip("'").split()
    fitting = load_experiment("horses", "smoke", ["model.norm.kind=batch", *more])
    assert import_checkpoint(files / "G_A2B.h5", fitting, tmp_path / "model").directions == ("ab",)


def test_an_epoch_is_chosen_and_the_last_one_without(tmp_path, networks, files) -> None:
    for epoch, network in (("9", networks[1]), ("latest", networks[0])):
        folder = files / "checkpoints"
        done = import_checkpoint(folder, experiment(*NEEDED), tmp_path / epoch, epoch)
        kernel = read_model(done.folder).state["g_ab/stem/kernel"]
        assert np.array_equal(kernel, network.get_weights()[0])


@pytest.mark.parametrize(
    ("name", "says"),
    [("cut.h5", "no weights of Keras"), ("other.h5", "neither a convolution nor a norm"),
     ("small.h5", "only ResNet generators with two transposed convolutions")],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, networks, files, name, says) -> None:
    import keras

    path = tmp_path / name
    if name == "cut.h5":
        path.write_bytes((files / "G_A2B.h5").read_bytes()[:1000])
    else:
        layer = keras.layers.Dense(2) if name == "other.h5" else keras.layers.Conv2DTranspose(3, 3)
        small = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3), layer])
        save_as_keras_2(path, small)
    with pytest.raises(UserError, match=says):
        import_checkpoint(path, experiment(*NEEDED), tmp_path / "model")
