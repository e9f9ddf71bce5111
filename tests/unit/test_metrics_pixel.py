import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from harness.metrics.pixel import mae, psnr, ssim


def pictures(count=3, side=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_psnr_and_ssim_agree_with_scikit_image_on_every_image():
    a, b = pictures(seed=1), pictures(seed=2)
    for i in range(3):
        assert psnr(a, b)[i] == pytest.approx(peak_signal_noise_ratio(a[i], b[i], data_range=255))
        expected = structural_similarity(a[i], b[i], channel_axis=2, data_range=255)
        assert ssim(a, b)[i] == pytest.approx(expected)


def test_a_constant_error_gives_its_size_as_mae_in_both_directions():
    low, high = np.full((2, 8, 8, 3), 3, np.uint8), np.full((2, 8, 8, 3), 250, np.uint8)
    assert mae(low, high).tolist() == mae(high, low).tolist() == [247.0, 247.0]


def test_scores_are_one_per_image():
    a = pictures()
    b = a.copy()
    b[1] ^= 128
    assert mae(a, b).shape == (3,)
    assert [value > 0 for value in mae(a, b)] == [False, True, False]
    assert ssim(a, b)[1] < 0.9 < ssim(a, b)[0]


def test_equal_images_score_as_the_smallest_possible_error_not_infinity():
    a = pictures()
    off_by_one = a.copy()
    off_by_one[0, 0, 0, 0] ^= 1
    assert psnr(a, a) == pytest.approx(10 * np.log10(255**2 * 16 * 16 * 3))
    assert psnr(a, a)[0] == pytest.approx(psnr(a, off_by_one)[0])
    assert ssim(a, a) == pytest.approx(1.0)


@pytest.mark.parametrize("side", [3, 4, 6, 7])
def test_images_smaller_than_the_window_get_the_largest_odd_one_that_fits(side):
    a, b = pictures(side=side), pictures(side=side, seed=1)
    window = {3: 3, 4: 3, 6: 5, 7: 7}[side]
    expected = structural_similarity(a[0], b[0], win_size=window, channel_axis=2, data_range=255)
    assert ssim(a, b)[0] == pytest.approx(expected)


def test_images_too_small_for_any_window_are_refused():
    with pytest.raises(ValueError, match="3x3"):
        ssim(pictures(side=2), pictures(side=2))


@pytest.mark.parametrize(
    "other", [pictures(count=2), pictures().astype(np.float32), pictures()[..., :1]]
)
@pytest.mark.parametrize("measure", [psnr, ssim, mae])
def test_other_shapes_and_types_are_refused(measure, other):
    with pytest.raises(ValueError, match="uint8 NHWC"):
        measure(pictures(), other)


@pytest.mark.parametrize("images", [pictures().astype(np.float32), pictures()[0]])
@pytest.mark.parametrize("measure", [psnr, mae])
def test_two_arrays_of_one_other_shape_or_type_are_refused_as_well(measure, images):
    with pytest.raises(ValueError, match="uint8 NHWC"):
        measure(images, images)
