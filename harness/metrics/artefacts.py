"""Checkerboard artefacts of up-sampling layers (Odena, Dumoulin & Olah 2016).

Two stride-2 transposed convolutions treat the four, then the sixteen pixels of a cell differently.
What they add repeats every 2 or every 4 pixels, that is at the fifteen spatial frequencies with
both coordinates in {0, 1/4, 1/2, 3/4} cycles a pixel, except (0, 0). Photographs have energy there
as well, and blur, contrast or noise change it by tens of dB. So each of these frequencies is
compared with its neighbourhood in the same spectrum: blur, contrast and noise change both alike,
and a pattern of exactly these periods does not change the neighbourhood. The comparison is made
window by window: a pattern in a smooth sky counts, whatever the energy of a meadow elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import uniform_filter

from harness.statistics.intervals import LeftOut, Replicates, mean_replicates

SMALLEST = 16
WINDOW = 32
# The variance that rounding to whole grey levels adds. Where there is less energy, as in a clipped
# sky, the comparison tends to 1.
ROUNDING = 1 / 12
QUARTERS = [(i, j) for i in range(4) for j in range(4) if (i, j) != (0, 0)]


def checkerboard_energy(images: np.ndarray) -> np.ndarray:
    """Energy at the up-sampling frequencies over that around them: float64 (N,), 1 means equal.

    `images`: uint8 (N, H, W, C), both sides 16 px or more. Power spectra are taken in Hann windows
    of 32 x 32 px that overlap by half or more and cover the image (below 32 px: of the smaller
    side rounded down to a multiple of 4), averaged over the channels. At each of the fifteen
    frequencies the mean of 3 x 3 bins, all that a Hann window spreads a tone to, is divided by the
    geometric mean of the eight 3 x 3 squares around it, 3 bins away; below 28 px there is only room
    for single bins, 2 bins away. The ratio is averaged over the frequencies, and its logarithm over
    the windows. An image of one colour has no energy and scores 1. Raises ValueError for other
    shapes and types.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or not images.shape[3]:
        raise ValueError(f"uint8 NHWC images needed, given {images.dtype} {images.shape}")
    if min(images.shape[1:3]) < SMALLEST:
        raise ValueError(f"images of {SMALLEST} px or more needed, given {images.shape[1:3]}")
    window = min(WINDOW, min(images.shape[1:3]) // 4 * 4)
    energies = []
    for image in images:
        logarithms = [np.log(_ratios(power)) for power in _spectra(image, window)]
        energies.append(np.exp(np.concatenate(logarithms).mean()))
    return np.array(energies, np.float64)


def checkerboard_replicates(fake: np.ndarray, real: np.ndarray) -> Replicates:
    """The checkerboard index of a model in dB: 0 as real images, above 0 more checkerboard.

    `fake`, `real`: `checkerboard_energy` of translations, (N,), and of real images of the target
    domain, (M,). 10 log10 of the ratio of their geometric means: the energies are skewed, and one
    striped photograph would dominate an arithmetic mean. Below 0: smoother than real images.
    Replicates: without each block of `fake`, then of `real` (see `jackknife`). NaN where a set is
    empty.
    """
    fakes, reals = (mean_replicates(10 * np.log10(energies)) for energies in (fake, real))
    sides = [LeftOut(side.values - reals.value, side.sizes) for side in fakes.sides]
    sides += [LeftOut(fakes.value - side.values, side.sizes) for side in reals.sides]
    return Replicates(fakes.value - reals.value, tuple(sides))


def _spectra(image: np.ndarray, window: int) -> Iterator[np.ndarray]:
    """Power spectra (n, window, window) of the n windows of each row in turn.

    A checkerboard of amplitude a grey levels peaks at a^2. A row at a time, so that a large image
    is not copied four times over.
    """
    hann = np.hanning(window + 1)[:window]
    taper = np.outer(hann, hann) / hann.sum() ** 2
    floor = ROUNDING * (taper**2).sum()
    columns = _starts(image.shape[1], window)
    for top in _starts(image.shape[0], window):
        strip = image[top : top + window].astype(np.float64)
        tiles = sliding_window_view(strip, window, axis=1)[:, columns].transpose(1, 2, 0, 3)
        centred = tiles - (tiles * taper).sum((2, 3), keepdims=True)
        half = np.fft.rfft2(centred * taper)
        power = (half.real**2 + half.imag**2).mean(1) + floor
        # A real image has equal power at f and at -f; only half of the plane was computed.
        mirrored = np.roll(power[:, ::-1, -2:0:-1], 1, axis=1)
        yield np.concatenate([power, mirrored], axis=2)


def _starts(side: int, window: int) -> np.ndarray:
    """First pixels of windows from edge to edge, at most half a window apart."""
    count = -(-(side - window) // (window // 2)) + 1
    return np.rint(np.linspace(0, side - window, count)).astype(int)


def _ratios(power: np.ndarray) -> np.ndarray:
    """Up-sampling frequencies over their neighbourhoods, mean of the fifteen: (n,)."""
    window = power.shape[-1]
    width, away = (3, 3) if window >= 28 else (1, 2)
    band = uniform_filter(power, (1, width, width), mode="wrap")
    rows, columns = np.array(QUARTERS).T * (window // 4)
    around = [(i * away, j * away) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    neighbours = [np.log(band[:, (rows + i) % window, (columns + j) % window]) for i, j in around]
    ratios = band[:, rows, columns] / np.exp(np.mean(neighbours, axis=0))
    return np.asarray(ratios.mean(axis=1))
