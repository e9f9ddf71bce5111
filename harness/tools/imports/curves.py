"""Curves as other code has written them; read here: TensorBoard's event files and CSV downloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.util.tensor_util import make_ndarray

from harness.system.errors import UserError
from harness.system.untrusted import check_file, is_folder, reason

PATTERN = "*.tfevents.*"
MOST_OF_EVENTS = 2**31  # bytes
MOST_OF_CSV = 256 * 2**20  # bytes
COLUMNS = ["Wall time", "Step", "Value"]
LAST_STEP = 2**53  # beyond, CSV readers round
# What reading a damaged record, or one of a type that NumPy does not have, may raise.
DAMAGED = (
    DecodeError, errors.OpError, ValueError, TypeError, KeyError, OverflowError, MemoryError,
    OSError,
)  # fmt: skip


@dataclass(frozen=True)
class Curves:
    """By the name they have in their source. `assumed`: a sentence for each guess made.

    Index of a curve: steps, int64, ascending, each once. Values: float64, which may be NaN.
    """

    by_name: Mapping[str, pd.Series]
    assumed: tuple[str, ...] = ()


def curve_of(points: Mapping[int, float]) -> pd.Series:
    """Step -> value, in whatever order."""
    return pd.Series(points, dtype=np.float64).sort_index()


def read_csvs(paths: Sequence[Path]) -> Curves:
    """TensorBoard's downloads, one curve a file, by what follows `tag-` in the name, or all of it.

    Of a step that is there twice, as after a restart, the last counts. Raises UserError.
    """
    curves: dict[str, pd.Series] = {}
    for path in paths:
        name = path.stem.rpartition("tag-")[2]
        if name in curves:
            raise UserError(f"{path}: a second file for {name!r}; give one of each curve")
        try:
            check_file(path, MOST_OF_CSV)
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
                f"{path}: no curve that TensorBoard saved ({reason(error)}); download it as CSV"
                " again"
            ) from None
        curves[name] = curve_of(dict(zip(steps.tolist(), values.tolist(), strict=True)))
    return Curves(curves)


def read_events(path: Path) -> Curves:
    """Every scalar by its tag, of an event file or of all event files of a folder, one run's.

    Scalars as TensorFlow 1 and PyTorch write them, and as TensorFlow 2 does. Of a step that is
    there twice, as after a restart, the last counts. A last record that is cut off is left out.
    Raises UserError for what is no event file, or files of several runs.
    """
    points: dict[str, dict[int, float]] = {}
    assumed: list[str] = []
    for file in _event_files(path):
        try:
            check_file(file, MOST_OF_EVENTS)
            for record in _records(file, assumed):
                event = Event.FromString(record)
                for value in event.summary.value:
                    number = _number(value)
                    if number is None:
                        continue
                    if not 0 <= event.step <= LAST_STEP:
                        raise ValueError(f"step {event.step}")
                    points.setdefault(value.tag, {})[event.step] = number
        except DAMAGED as error:
            why = reason(error)
            raise UserError(
                f"{file}: no event file of TensorBoard, or damaged ({why}); copy it again"
            ) from None
    if not points:
        raise UserError(f"{path}: no scalars in it; name the event files of a training")
    return Curves({tag: curve_of(steps) for tag, steps in points.items()}, tuple(assumed))


def _event_files(path: Path) -> list[Path]:
    """In the order they were begun: names have the time in them."""
    if not is_folder(path):
        return [path]
    files = sorted(path.rglob(PATTERN), key=lambda file: file.name)
    folders = {file.parent for file in files}
    if len(folders) > 1:
        names = ", ".join(sorted(str(folder) for folder in folders)[:3])
        raise UserError(f"{path}: event files of {len(folders)} runs; name one of them: {names}")
    if not files:
        raise UserError(f"{path}: no event files (*.tfevents.*) there; name the folder of a run")
    return files


def _records(path: Path, assumed: list[str]) -> Iterator[bytes]:
    reader, size = PyRecordReader_New(str(path)), path.stat().st_size
    while True:
        try:
            reader.GetNext()
        except errors.OutOfRangeError:
            return
        except errors.DataLossError as error:
            if "truncated" not in str(error) or reader.file_handle.read(1):
                raise
            assumed.append(f"The last record of {size:,} bytes is cut off and left out.")
            return
        yield reader.record()


def _number(value: Summary.Value) -> float | None:
    """None for what is no scalar: images, histograms, texts."""
    if value.HasField("simple_value"):
        return value.simple_value
    if not value.HasField("tensor"):
        return None
    tensor = value.tensor
    # Shapes are claims: a number is asked for before an array is made of one.
    if any(size.size != 1 for size in tensor.tensor_shape.dim):
        return None
    array = np.asarray(make_ndarray(tensor))
    return float(array.item()) if array.dtype.kind in "iuf" and array.size == 1 else None
