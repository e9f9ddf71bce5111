"""The head of an .npy file, read without trusting it."""

from __future__ import annotations

import tokenize
from typing import IO

import numpy as np

LONGEST_HEADER = 256  # bytes

# What NumPy's parser of a header raises besides ValueError.
DAMAGE = (SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError)


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in column order, and dtype of an array of version 1.0; `file` is at its data.

    Raises ValueError for anything else, an axis below zero among them.
    """
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not version 1.0 of the .npy format")
    try:
        shape, column_order, dtype = np.lib.format.read_array_header_1_0(
            file, max_header_size=LONGEST_HEADER
        )
    except DAMAGE as error:
        raise ValueError(f"a damaged .npy header ({type(error).__name__})") from None
    if any(length < 0 for length in shape):
        raise ValueError(f"an impossible shape {shape}")
    return shape, column_order, dtype
