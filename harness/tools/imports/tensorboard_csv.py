"""What TensorBoard's download link gives: one curve a file, columns `Wall time,Step,Value`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.system.errors import UserError
from harness.system.untrusted import check_file, reason
from harness.tools.imports.curves import Curve, Curves, curve_of

MOST = 256 * 2**20  # bytes
COLUMNS = ["Wall time", "Step", "Value"]
LAST_STEP = 2**53  # beyond, CSV readers round


def read_csvs(paths: Sequence[Path]) -> Curves:
    """By name: what follows `tag-` in the file's, as TensorBoard calls it, or all of it.

    Of a step that is there twice, as after a restart, the last counts. Raises UserError.
    """
    curves: dict[str, Curve] = {}
    for path in paths:
        name = path.stem.rpartition("tag-")[2]
        if name in curves:
            raise UserError(f"{path}: a second file for {name!r}; give one of each curve")
        curves[name] = _read(path)
    return Curves(curves)


def _read(path: Path) -> Curve:
    try:
        check_file(path, MOST)
        table = pd.read_csv(path, float_precision="round_trip", index_col=False)
        if list(table.columns) != COLUMNS:
            raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
        steps, values = table["Step"], table["Value"]
        if table.empty or steps.dtype.kind not in "iu" or values.dtype.kind not in "iuf":
            raise ValueError("no numbers in its columns")
        if steps.min() < 0 or steps.max() > LAST_STEP:
            raise ValueError("steps below zero or beyond any training")
    except (OSError, ValueError, OverflowError, MemoryError) as error:
        raise UserError(
            f"{path}: no curve that TensorBoard saved ({reason(error)}); download it as CSV again"
        ) from None
    return curve_of(dict(zip(steps.tolist(), values.tolist(), strict=True)))
