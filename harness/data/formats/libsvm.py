"""USPS as the LIBSVM tools publish it: a line of text an image, `label 1:value ...`, in bzip2."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.data.formats import MOST_IMAGES, LabelledImages, labelled
from harness.system.errors import UserError

SIDE = 16
LONGEST_LINE = 16 * 1024
DIGITS = {str(digit + 1).encode(): digit for digit in range(10)}


def read(path: Path) -> LabelledImages:
    """Images (N, 16, 16), ink white on black, of `usps.bz2` or `usps.t.bz2`.

    Values from -1 to 1 become round((v + 1) * 127.5); a pixel the line leaves out is 0, as the
    format has it. Labels 1 to 10 mean 0 to 9. Raises UserError, with the line's number, for a
    damaged or truncated file or another one.
    """
    rows, labels = [], []
    for number, line in enumerate(_lines(path), 1):
        try:
            label, row = _parsed(line)
        except ValueError as error:
            raise UserError(f"{path}: line {number}: {error}; fetch it again") from None
        rows.append(row)
        labels.append(label)
        if number > MOST_IMAGES:
            raise UserError(f"{path}: more than {MOST_IMAGES} lines; it is another file")
    if not rows:
        raise UserError(f"{path}: holds no image; fetch it again")
    images = np.stack(rows).reshape(-1, SIDE, SIDE)
    return labelled(path, images, np.array(labels))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with bz2.open(path, "rb") as file:
            while line := file.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    raise UserError(f"{path}: a line of text without an end; it is another file")
                yield line
    except (EOFError, ValueError) as error:
        raise UserError(f"{path}: damaged or truncated ({error}); fetch it again") from None
    except OSError as error:  # the decompressor's own complaint has no strerror
        reason = error.strerror or f"damaged: {error}"
        raise UserError(f"{path}: cannot be read ({reason}); fetch it again") from None


def _parsed(line: bytes) -> tuple[int, np.ndarray]:
    """Label 0 to 9 and uint8 (256,). Raises ValueError saying what is wrong."""
    label, *pairs = line.split() or [b""]
    # All pairs at once: a colon separates as a space does, but there must be one in each.
    try:
        numbers = np.array(b" ".join(pairs).replace(b":", b" ").split(), dtype=np.float64)
    except ValueError as error:  # quotes the text, however long
        raise ValueError(str(error)[:80]) from None
    if numbers.size != 2 * len(pairs) or not all(b":" in pair for pair in pairs):
        raise ValueError("not pairs of index:value")
    indices, given = numbers[::2], numbers[1::2]
    rising = np.diff(indices, prepend=0, append=SIDE * SIDE + 1)
    if not ((rising >= 1).all() and (indices % 1 == 0).all()):
        raise ValueError(f"indices that do not rise from 1 to {SIDE * SIDE}")
    if not (np.abs(given) <= 1).all():  # false for a NaN too
        raise ValueError("a value that is not from -1 to 1")
    if label not in DIGITS:
        raise ValueError(f"label {label[:80].decode(errors='replace')!r}, which is not 1 to 10")
    values = np.zeros(SIDE * SIDE)
    values[indices.astype(np.int64) - 1] = given
    return DIGITS[label], np.rint((values + 1) * 127.5).astype(np.uint8)
