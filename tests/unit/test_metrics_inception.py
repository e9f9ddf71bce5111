"""The Inception graph is the one of the canonical FID.

Proved against torch-fidelity's with the same random weights, which needs no download; the resize
against TensorFlow itself. Measured: features of the two differ by at most 5e-6 of their root mean
square in float32 (batch norm is folded in ours), by 7e-15 in float64; the resize by nothing.
"""

from __future__ import annotations

import hashlib
import io
import sys
import types
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inception_file import kinds, trust

from harness.metrics.weights import SIZE

torch = pytest.importorskip("torch")
module = pytest.importorskip("harness.metrics.inception")
graph = pytest.importorskip("harness.metrics.inception_graph")

REFERENCE = Path(sys.prefix) / "reference" / "torch_fidelity"
LEVELS = {"64": "Conv2d_3b_1x1", "192": "Mixed_5b", "768": "Mixed_7a"}  # what goes into that module
TENSORS_SHA256 = "928ac4362eaf1dd51cd1dba587554736ca4639309f446436ea83fa2721257cf5"
TOLERANCE = 2e-5  # of the features' root mean square: four times what was measured
TOLERANCE_64 = 1e-12
NOTICED = 100 * TOLERANCE  # what every planted mistake must exceed
SMALL = 139  # pixels; the same graph on smaller maps, where 299 would only take longer


def drawing(height, width):
    """One image: coarse colours under fine noise, so that every frequency has something."""
    random = np.random.default_rng(height * width)
    coarse = random.integers(0, 192, (1, 4, 4, 3), dtype=np.uint8)
    coarse = coarse.repeat(-(-height // 4), axis=1).repeat(-(-width // 4), axis=2)
    return coarse[:, :height, :width] + random.integers(0, 64, (1, height, width, 3), np.uint8)


def random_tensors():
    """Weights under which every layer gives outputs near one, and every tensor matters."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, like in module.build_network().state_dict().items():
        normal = torch.randn(like.shape, generator=generator)
        uniform = torch.rand(like.shape[:1], generator=generator)
        kinds = {
            "bn.weight": 0.5 + uniform,
            "bn.bias": 0.3 * normal,
            "bn.running_mean": 0.3 * normal,
            "bn.running_var": 0.1 + uniform,
            "bn.num_batches_tracked": torch.tensor(7),
        }
        tensors[name] = kinds.get(".".join(name.split(".")[-2:]), normal)
    for name in [name for name in tensors if name.endswith("conv.weight")]:
        # Filters that answer to contrast only: else what all images share drowns the rest.
        centred = tensors[name] - tensors[name].mean(dim=(1, 2, 3), keepdim=True)
        variance = tensors[name.replace("conv.weight", "bn.running_var")][:, None, None, None]
        tensors[name] = centred * (2 * variance / centred[0].numel()).sqrt()
    return tensors


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads of a small convolution mostly wait for one another, long where the cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tensors():
    return random_tensors()


@pytest.fixture(scope="module")
def file(tensors, tmp_path_factory):
    """The random weights in a file of the format of 2019, which passes for the published one."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    with pytest.MonkeyPatch.context() as patch:
        trust(patch, path)
        yield path
    path.unlink()


@dataclass
class Fidelity:
    """torch-fidelity's extractor: float32 (N, d) by number of channels; the last in its own type.

    Asked twice about an image, it answers from memory.
    """

    network: Any
    answers: dict[bytes, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self):
        self.network.AvgPool.register_forward_hook(self._keep)

    def _keep(self, pool, inputs, output):
        self.last = output.flatten(1)

    def __call__(self, images):
        key = f"{self.network.INPUT_IMAGE_SIZE} {images.shape}".encode() + images.tobytes()
        if key not in self.answers:
            with torch.inference_mode():
                levels = self.network(torch.from_numpy(images).permute(0, 3, 1, 2))
            self.answers[key] = dict(zip(self.network.features_list, levels, strict=True))
            self.answers[key]["2048"] = self.last
        return self.answers[key]


@pytest.fixture(scope="module")
def fidelity(file):
    """Its package is not run, only the module with the network: the package needs torchvision."""
    if not REFERENCE.is_dir():
        pytest.skip(f"no torch-fidelity in {REFERENCE.parent}: `make test` installs it there")
    package = types.ModuleType("torch_fidelity")
    package.__path__ = [str(REFERENCE)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch_fidelity", package)
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        yield Fidelity(FeatureExtractorInceptionV3("reference", [*LEVELS, "2048"], str(file)))
    for name in [name for name in sys.modules if name.startswith("torch_fidelity.")]:
        del sys.modules[name]


@pytest.fixture
def small(fidelity, monkeypatch):
    """Both networks take their images at a smaller size."""
    monkeypatch.setattr(fidelity.network, "INPUT_IMAGE_SIZE", SMALL)
    monkeypatch.setattr(module, "SIDE", SMALL)


@pytest.fixture(scope="module")
def folded(file):
    """Our features as evaluation gets them, batch norm folded in."""
    return module.load_network(file)


def unfolded(tensors):
    network = module.build_network()
    network.load_state_dict(tensors, assign=True)
    return network.eval()


def difference(ours, theirs):
    """Largest deviation in units of the root mean square of `theirs`."""
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.square().mean().sqrt())


def test_tensors_are_the_recorded_ones():
    lines = kinds(module.build_network().state_dict())
    assert len(lines) == 566
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == TENSORS_SHA256


def test_a_file_of_these_tensors_is_as_long_as_the_published_one():
    state = module.build_network().state_dict()
    zeros = OrderedDict((name, torch.zeros(t.shape, dtype=t.dtype)) for name, t in state.items())
    buffer = io.BytesIO()
    torch.save(zeros, buffer, _use_new_zipfile_serialization=False)
    # That format holds every tensor's address twice, in decimal. Its digits depend on the machine
    # (8 to 15), and are all the published file may differ by: 0.008% of its length.
    assert abs(buffer.tell() - SIZE) <= len(zeros) * 2 * (15 - 8)


@pytest.mark.parametrize(
    ("height", "width"), [(64, 64), (128, 128), (256, 256), (299, 299), (60, 100)]
)
def test_features_are_those_of_torch_fidelity(fidelity, folded, height, width):
    images = drawing(height, width)
    seen = {}
    hooks = [
        folded.network.get_submodule(name).register_forward_pre_hook(
            lambda _, inputs, level=level: seen.update({level: inputs[0].mean(dim=(2, 3))})
        )
        for level, name in LEVELS.items()
    ]
    with torch.inference_mode():
        seen["2048"] = folded(torch.from_numpy(images))
    for hook in hooks:
        hook.remove()
    for level, theirs in fidelity(images).items():
        assert difference(seen[level], theirs) < TOLERANCE, level


def test_in_float64_no_difference_is_left(fidelity, tensors, small, monkeypatch):
    images = drawing(SMALL, SMALL)  # of the size both want: the resize is float32 in both
    monkeypatch.setattr(fidelity.network, "feature_extractor_internal_dtype", torch.float64)
    scaled = torch.from_numpy((images.transpose(0, 3, 1, 2) - 128.0) / 128.0)
    try:
        fidelity.network.double()
        theirs = fidelity(images)["2048"]
    finally:
        fidelity.network.float()
    with torch.inference_mode():
        ours = unfolded(tensors).double()(scaled).mean(dim=(2, 3))
    assert ours.dtype == theirs.dtype == torch.float64
    assert difference(ours, theirs) < TOLERANCE_64


Plant = Callable[[Any, pytest.MonkeyPatch], None]


def every(kind, attribute, value):
    def plant(network, patch):
        for part in network.modules():
            if type(part).__name__ == kind:
                setattr(part, attribute, value)

    return plant


def pool_of(block, name):
    def plant(network, patch):
        network.get_submodule(block).pool = getattr(graph, name)()

    return plant


def other_order(network, patch):
    network.Mixed_6c.plan = network.Mixed_6c.plan[::-1]


def other_scaling(network, patch):
    right = module.resize_like_tensorflow1

    def resize(images, size):
        return (right(images, size) - 127.5) / 127.5 * 128.0 + 128.0

    patch.setattr(module, "resize_like_tensorflow1", resize)


def other_resize(**options):
    def resize(images, size):
        resized = torch.nn.functional.interpolate(
            images.permute(0, 3, 1, 2).float(), (size, size), mode="bilinear", **options
        )
        return resized.permute(0, 2, 3, 1)

    return lambda network, patch: patch.setattr(module, "resize_like_tensorflow1", resize)


def rounded_resize(network, patch):
    right = module.resize_like_tensorflow1
    patch.setattr(module, "resize_like_tensorflow1", lambda *given: right(*given).round())


PLANTS = {
    "average pools count the padding": every("AvgPool2d", "count_include_pad", True),
    "the last block pools by average": pool_of("Mixed_7c", "_average"),
    "the block before it pools by maximum": pool_of("Mixed_7b", "_maximum"),
    "PyTorch's epsilon of batch norm": every("BatchNorm2d", "eps", 1e-5),
    "branches in another order": other_order,
    "images scaled by 127.5": other_scaling,
    "resized from pixel centres": other_resize(align_corners=False),
    "resized with aligned corners": other_resize(align_corners=True),
    "rounded after the resize": rounded_resize,
}


def planted(plant, fidelity, tensors, patch):
    """Difference from torch-fidelity's features of a network with one mistake in it."""
    network, images = unfolded(tensors), drawing(96, 64)
    plant(network, patch)
    with torch.inference_mode():
        ours = module.InceptionFeatures(network)(torch.from_numpy(images))
    return difference(ours, fidelity(images)["2048"])


def test_without_a_mistake_there_is_nothing_to_notice(fidelity, tensors, small, monkeypatch):
    assert planted(lambda *_: None, fidelity, tensors, monkeypatch) < TOLERANCE


@pytest.mark.parametrize("mistake", PLANTS)
def test_every_planted_mistake_is_noticed(mistake, fidelity, tensors, small, monkeypatch):
    assert planted(PLANTS[mistake], fidelity, tensors, monkeypatch) > NOTICED


@pytest.mark.usefixtures("tensorflow")
@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (64, 64, 299),
        (256, 256, 299),
        (299, 299, 299),
        (512, 512, 299),
        (480, 640, 299),
        (1, 1, 5),
        (7, 5, 3),
        (2, 3, 4),
    ],
)
def test_the_resize_is_that_of_tensorflow_1(height, width, size):
    tf = pytest.importorskip("tensorflow")
    images = np.random.default_rng(size).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    ours = module.resize_like_tensorflow1(torch.from_numpy(images), size).numpy()
    theirs = tf.compat.v1.image.resize_bilinear(
        tf.constant(images, tf.float32),
        (size, size),
        align_corners=False,
        half_pixel_centers=False,
    ).numpy()
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs).max() <= 2 * np.spacing(np.float32(255)), "two units in the last"


def test_the_resize_by_hand():
    images = torch.tensor([[0, 30], [60, 90]], dtype=torch.uint8).reshape(1, 2, 2, 1)
    resized = module.resize_like_tensorflow1(images, 3).reshape(3, 3)
    by_hand = torch.tensor([[0.0, 20.0, 30.0], [40.0, 60.0, 70.0], [60.0, 80.0, 90.0]])
    assert torch.allclose(resized, by_hand, rtol=0, atol=1e-5)


def test_the_scaling_by_hand():
    """The random filters answer to contrast only: they do not see what all pixels share."""
    levels = torch.tensor([0, 128, 255], dtype=torch.uint8).expand(1, 2, 2, 3)
    [scaled] = module.InceptionFeatures(torch.nn.Identity())(levels).tolist()
    assert scaled == pytest.approx([-1.0, 0.0, 127 / 128], abs=1e-5)


def test_the_extractor_gives_a_float32_row_an_image(fidelity, file):
    images = drawing(64, 64)
    vectors = module.load_extractor(file)(images)
    assert (vectors.dtype, vectors.shape) == (np.float32, (1, 2048))
    assert difference(torch.from_numpy(vectors), fidelity(images)["2048"]) < TOLERANCE


def test_the_extractor_takes_a_few_images_at_a_time(tmp_path, monkeypatch):
    batches = []

    def first_pixel(images):
        batches.append(len(images))
        return images[:, 0, 0, :1].float().expand(-1, 2048)

    monkeypatch.setattr(module, "load_network", lambda path: first_pixel)
    extract = module.load_extractor(tmp_path)
    images = np.arange(19, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)
    vectors = extract(images[::-1])
    assert batches == [8, 8, 3]
    assert vectors[:, 0].tolist() == list(range(18, -1, -1))
    assert extract(images[:0]).shape == (0, 2048)
