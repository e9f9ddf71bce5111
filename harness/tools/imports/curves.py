"""Curves as other code has written them, and the text files that they are in."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from harness.system.untrusted import check_file

LAST_STEP = 2**53  # beyond, CSV readers round
Unit = Literal["step", "epoch"]


@dataclass(frozen=True)
class Curves:
    """By the name they have in their source. `assumed`: a sentence for each guess made.

    Index of a curve: int64, ascending, each once, numbers of `unit` as the source counts them.
    Values: float64, which may be NaN.
    """

    by_name: Mapping[str, pd.Series]
    assumed: tuple[str, ...] = ()
    unit: Unit = "step"

    def packed(self) -> dict[str, object]:
        """In types that go to another process."""
        curves = {
            name: (curve.index.to_numpy(np.int64), curve.to_numpy(np.float64))
            for name, curve in self.by_name.items()
        }
        return {"curves": curves, "assumed": list(self.assumed), "unit": self.unit}

    @classmethod
    def unpacked(
        cls,
        curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
        assumed: Sequence[str],
        unit: Unit,
    ) -> Curves:
        """The inverse, of the same names."""
        series = {name: pd.Series(values, steps) for name, (steps, values) in curves.items()}
        return cls(series, tuple(assumed), unit)


def curve_of(points: Mapping[int, float]) -> pd.Series:
    """Number of a step or epoch -> value, in whatever order."""
    return pd.Series(points, dtype=np.float64).sort_index()


def read_text(path: Path, most: int) -> str:
    """Of a file of at most `most` bytes: UTF-8, or UTF-16 with its mark, as PowerShell writes.

    Lines end in "\\n". Raises OSError, ValueError.
    """
    check_file(path, most)
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")
