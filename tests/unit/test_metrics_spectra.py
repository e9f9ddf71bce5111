"""The checkerboard energy, against its definition written down term by term."""

import numpy as np
import pytest

from harness.metrics.artefacts import checkerboard_energy


def starts(side, window):
    """Edge to edge, at most half a window apart."""
    count = 1
    while (side - window) / max(1, count - 1) > window / 2 or (count == 1 and side > window):
        count += 1
    return [round(i * (side - window) / max(1, count - 1)) for i in range(count)]


def by_definition(image, window, width, away):
    """Energy of one image in windows of `window` px: `width` bins wide, neighbours `away`."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    taper = np.outer(hann, hann) / hann.sum() ** 2
    logarithms = []
    for top in starts(image.shape[0], window):
        for left in starts(image.shape[1], window):
            power = np.full((window, window), (taper**2).sum() / 12)
            for channel in image.transpose(2, 0, 1):
                tile = channel[top : top + window, left : left + window].astype(float)
                centred = tile - (tile * taper).sum()
                power += np.abs(np.fft.fft2(centred * taper)) ** 2 / image.shape[2]

            def square(row, column, power=power):
                reach = range(-(width // 2), width // 2 + 1)
                return np.mean([power[(row + i) % window, (column + j) % window]
                                for i in reach for j in reach])  # fmt: skip

            ratios = []
            for row, column in [(i, j) for i in range(4) for j in range(4) if i or j]:
                row, column = row * window // 4, column * window // 4
                around = [square(row + i * away, column + j * away)
                          for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]  # fmt: skip
                ratios.append(square(row, column) / np.exp(np.mean(np.log(around))))
            logarithms.append(np.log(np.mean(ratios)))
    return np.exp(np.mean(logarithms))


@pytest.mark.parametrize(
    ("height", "width", "channels", "window", "bins", "away"),
    [(49, 32, 3, 32, 3, 3), (30, 44, 1, 28, 3, 3), (27, 24, 3, 24, 1, 2), (16, 17, 2, 16, 1, 2)],
)
def test_it_is_the_mean_of_its_definition(height, width, channels, window, bins, away):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, height, width, channels)).cumsum(axis=1) // 9 % 256
    images = images.astype(np.uint8)
    expected = [by_definition(image, window, bins, away) for image in images]
    assert checkerboard_energy(images) == pytest.approx(expected, rel=1e-9)
