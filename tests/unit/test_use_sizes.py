"""Images of any size in both backends."""

from __future__ import annotations

import numpy as np
import pytest
from frameworks import INSTALLED
from trained_run import experiment, write_run

from harness.system import provenance
from harness.system.errors import UserError
from harness.tools.trained_model import read_model
from harness.tools.translate.generator import MOST_PIXELS, choose_backend, load_backend, sizes_for
from harness.tools.translate.translate import translated

KINDS = {
    "resnet": (),
    "resize_conv": ("model.upsampling=resize_conv", "model.padding=same"),
    "no blocks": ("model.blocks=0", "model.norm.kind=batch"),
    "unet": ("model.generator=unet", "model.depth=3", "model.dropout=0.5"),
}


def image(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(height, width, channels), dtype=np.uint8)


@pytest.fixture(scope="module", params=KINDS)
def trained(request, tmp_path_factory):
    return read_model(write_run(tmp_path_factory.mktemp("run"), "tf", KINDS[request.param]))


@pytest.fixture(scope="module")
def loaded(trained):
    threads = provenance.default_threads()
    return {
        name: load_backend(trained, name, "cpu", threads, precision="float64") for name in INSTALLED
    }


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 8), (2, 5), (3, 21), (17, 30)])
def test_a_translation_has_the_size_of_its_image_and_is_the_same_in_both(
    trained, loaded, height, width
):
    sizes = sizes_for(trained.configuration, "ab")
    outputs = {
        name: translated(image(height, width), sizes, lambda x, b=backend: b.translate(x, "ab"))
        for name, backend in loaded.items()
    }
    first, *others = outputs.values()
    assert first.shape == (height, width, 3) and first.dtype == np.uint8
    assert first.std() > 0
    for other in others:
        assert np.array_equal(first, other)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("height", "width", "fits"), [(16, 24, True), (13, 21, False)])
def test_what_was_mirrored_beyond_the_edge_is_cut_off_again(trained, loaded, height, width, fits):
    sizes, one = sizes_for(trained.configuration, "ab"), image(height, width)
    padded = sizes.padded(one)
    assert np.array_equal(padded, one) == fits
    whole = loaded["torch"].translate(padded[None], "ab")[0]
    output = translated(one, sizes, lambda x: loaded["torch"].translate(x, "ab"))
    assert np.array_equal(output, whole[:height, :width])


def test_missing_rows_are_mirrored_below_and_at_the_right():
    sizes = sizes_for(experiment(), "ab")
    one = image(9, 12)
    padded = sizes.padded(one)
    assert padded.shape == (12, 12, 3)
    assert np.array_equal(padded[9:], one[7:4:-1])
    # Two residual pixels at least, of four each.
    assert sizes.padded(image(2, 5)).shape == (8, 8, 3)
    assert sizes_for(experiment("model.blocks=0"), "ab").padded(image(2, 5)).shape == (4, 8, 3)
    unet = experiment("model.generator=unet", "model.depth=4")
    assert sizes_for(unet, "ab").padded(image(2, 17)).shape == (16, 32, 3)


def test_a_generator_that_changes_the_size_takes_what_it_was_trained_on():
    grown = experiment("data.crop_size_b=20", "objective.identity=0")
    for direction, own in (("ab", 16), ("ba", 20)):
        sizes = sizes_for(grown, direction)
        sizes.check("x.png", own, own)
        with pytest.raises(UserError, match=f"x.png: 32 x 16 px.*add --size {own}$"):
            sizes.check("x.png", 16, 32)


def test_too_many_pixels_are_refused_before_anything_is_computed():
    sizes = sizes_for(experiment(), "ab")
    side = int(MOST_PIXELS**0.5)
    sizes.check("x.png", side, side)
    with pytest.raises(UserError, match="give a --size below"):
        sizes.check("x.png", 3000, 4000)
    with pytest.raises(UserError, match="translated at once"):
        sizes.check("x.png", 1, MOST_PIXELS)  # which is mirrored to eight rows


def test_any_backend_will_do_and_the_one_that_trained_it_is_the_default(trained):
    assert choose_backend(trained, None) == "tf"
    assert choose_backend(trained, "torch") == "torch"
    with pytest.raises(UserError, match="'mxnet' is unknown; any of torch, tf"):
        choose_backend(trained, "mxnet")
