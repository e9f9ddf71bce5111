"""USPS as the LIBSVM tools publish it: a line of text an image, `label 1:value ...`, in bzip2."""

from __future__ import annotations

import bz2
import io
from pathlib import Path

import numpy as np

from harness.data.formats import LabelledImages, labelled
from harness.system.errors import UserError

SIDE = 16
MOST_BYTES = 64 * 2**20  # unpacked: four times the larger published file
MOST_LINES = 100_000


def read(path: Path) -> LabelledImages:
    """Images (N, 16, 16), ink white on black, of `usps.bz2` or `usps.t.bz2`.

    Values from -1 to 1 become round((v + 1) * 127.5); a pixel the line leaves out is 0, as the
    format has it. Labels 1 to 10 mean 0 to 9. Raises UserError for a damaged or truncated file or
    another one.
    """
    from sklearn.datasets import load_svmlight_file  # takes a second: only where it is needed

    try:
        with bz2.open(path, "rb") as file:
            text = file.read(MOST_BYTES + 1)
    except (EOFError, ValueError) as error:
        raise UserError(f"{path}: damaged or truncated ({error}); fetch it again") from None
    except OSError as error:  # the decompressor's own complaint has no strerror
        reason = error.strerror or f"damaged: {error}"
        raise UserError(f"{path}: cannot be read ({reason}); fetch it again") from None
    if len(text) > MOST_BYTES or text.count(b"\n") > MOST_LINES:
        raise UserError(f"{path}: unpacks to more than is accepted; it is another file")
    try:
        values, labels = load_svmlight_file(io.BytesIO(text), zero_based=False)
    except (ValueError, OverflowError) as error:  # quotes the text, however long
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: not as published ({reason}); fetch it again") from None
    # What the reader takes, but is no image of USPS: the first such image is named.
    rows = np.repeat(np.arange(len(labels)), np.diff(values.indptr))
    for wrong, what in (
        (np.flatnonzero(~np.isin(labels, range(1, 11))), "a label that is not 1 to 10"),
        (rows[values.indices >= SIDE * SIDE], f"an index that is not 1 to {SIDE * SIDE}"),
        (rows[~(np.abs(values.data) <= 1)], "a value that is not from -1 to 1"),  # or NaN
    ):
        if wrong.size:
            raise UserError(f"{path}: image {wrong[0] + 1} has {what}; fetch it again")
    values.resize((len(labels), SIDE * SIDE))
    pixels = np.rint((values.toarray() + 1) * 127.5).astype(np.uint8)
    return labelled(path, pixels.reshape(-1, SIDE, SIDE), labels - 1)
