"""Event files as programs write them, with TensorBoard's own protos."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

Scalar = tuple[int, str, float]  # step, tag, value


def write_events(path: Path, scalars: Iterable[Scalar], version: int = 2) -> Path:
    """`version` of TensorFlow: 1 wrote plain numbers, as PyTorch does; 2 writes tensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(file_version="brain.Event:2").SerializeToString())
        for step, tag, value in scalars:
            summary = Summary(value=[plain(tag, value) if version == 1 else tensor(tag, value)])
            writer.write(Event(step=step, summary=summary).SerializeToString())
    return path


def plain(tag: str, value: float) -> Summary.Value:
    return Summary.Value(tag=tag, simple_value=value)


def tensor(tag: str, value: object) -> Summary.Value:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    proto = make_tensor_proto(np.asarray(value, np.float32))
    return Summary.Value(tag=tag, tensor=proto, metadata=metadata)
