"""Values as TensorBoard's event files hold them; TensorFlow is not needed for it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.record_writer import RecordWriter

Entry = tuple[int, Any]  # step, Summary.Value
BINS = 60


def events(entries: Iterable[Entry]) -> bytes:
    """The content of an event file, in TensorFlow's record format: an event a step."""
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
    step_of = itemgetter(0)
    for step, group in groupby(sorted(entries, key=step_of), key=step_of):
        summary = Summary(value=[value for _, value in group])
        writer.write(Event(wall_time=0.0, step=step, summary=summary).SerializeToString())
    return buffer.getvalue()


def scalar(step: int, tag: str, value: float) -> Entry:
    return step, Summary.Value(tag=tag, simple_value=value)


def image(step: int, tag: str, pixels: np.ndarray) -> Entry:
    """`pixels`: uint8 (height, width, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    height, width, channels = pixels.shape
    content = Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=buffer.getvalue()
    )
    return step, Summary.Value(tag=tag, image=content)


def histogram(step: int, tag: str, arrays: Iterable[np.ndarray]) -> Entry | None:
    """Of the finite elements of all `arrays` together; None where there are none."""
    finite = [array[np.isfinite(array)] for array in arrays]
    finite = [array for array in finite if array.size]
    if not finite:
        return None
    low, high = min(float(a.min()) for a in finite), max(float(a.max()) for a in finite)
    edges = np.linspace(low, high, BINS + 1) if low < high else np.array([low, low])
    counts = sum(np.histogram(a, edges)[0] for a in finite)
    content = HistogramProto(
        min=low,
        max=high,
        num=sum(a.size for a in finite),
        sum=sum(float(a.sum(dtype=np.float64)) for a in finite),
        sum_squares=sum(float(np.square(a, dtype=np.float64).sum()) for a in finite),
        bucket_limit=edges[1:],
        bucket=counts,
    )
    return step, Summary.Value(tag=tag, histo=content)
