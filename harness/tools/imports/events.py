"""TensorBoard's event files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.util.tensor_util import make_ndarray

from harness.system.errors import UserError
from harness.system.untrusted import check_file, is_folder, reason
from harness.tools.imports.curves import LAST_STEP, Curves, curve_of

PATTERN = "*.tfevents.*"
MOST = 2**31  # bytes
# What reading a damaged record, or one of a type that NumPy does not have, may raise.
DAMAGED = (
    DecodeError, errors.OpError, ValueError, TypeError, KeyError, OverflowError, MemoryError,
    OSError,
)  # fmt: skip


def read_events(path: Path) -> Curves:
    """Every scalar by its tag, of an event file or of all event files of a folder, one run's.

    Scalars as TensorFlow 1 and PyTorch write them, and as TensorFlow 2 does. Of a step that is
    there twice, as after a restart, the last counts. A last record that is cut off is left out.
    Raises UserError for what is no event file, or files of several runs.
    """
    points: dict[str, dict[int, float]] = {}
    assumed: list[str] = []
    for file in event_files(path):
        try:
            check_file(file, MOST)
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


def event_files(path: Path) -> list[Path]:
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
