"""Values as TensorBoard's event files hold them; TensorFlow is not needed for it.

The HPARAMS plugin's own `summary` modules import TensorFlow; its messages do not.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.summary.writer.record_writer import RecordWriter

Entry = tuple[int, Any]  # step, Summary.Value
BINS = 60
Setting = bool | float | str
TYPES = {
    bool: ("bool_value", api_pb2.DATA_TYPE_BOOL),
    float: ("number_value", api_pb2.DATA_TYPE_FLOAT64),
    str: ("string_value", api_pb2.DATA_TYPE_STRING),
}
STATUS = {
    "complete": api_pb2.STATUS_SUCCESS,
    "failed": api_pb2.STATUS_FAILURE,
    "running": api_pb2.STATUS_RUNNING,
}


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


def histogram(step: int, tag: str, arrays: Iterable[np.ndarray]) -> Iterator[Entry]:
    """Of the finite elements of all `arrays` together; nothing where there are none."""
    finite = [array[np.isfinite(array)] for array in arrays]
    finite = [array for array in finite if array.size]
    if not finite:
        return
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
    yield step, Summary.Value(tag=tag, histo=content)


def hparams(
    settings: Mapping[str, Setting],
    differing: Collection[str],
    scores: Mapping[str, str],
    state: str,
) -> list[Entry]:
    """A run's row in TensorBoard's table of runs (its HPARAMS tab), and the table's columns.

    `differing`: settings that come first, as they differ within an experiment. `scores`: tags of
    scalars, and what their columns are called.
    """
    columns = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=TYPES[type(value)][1], differs=name in differing)
            for name, value in settings.items()
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=title)
            for tag, title in scores.items()
        ],
    )
    start = SessionStartInfo()
    for name, value in settings.items():
        setattr(start.hparams[name], TYPES[type(value)][0], value)
    end = SessionEndInfo(status=STATUS.get(state, api_pb2.STATUS_UNKNOWN))
    entries = []
    for tag, content in (
        (metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=columns)),
        (metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
        (metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    ):
        content.version = metadata.PLUGIN_DATA_VERSION
        plugin = SummaryMetadata.PluginData(
            plugin_name=metadata.PLUGIN_NAME,
            # A map's keys have no order of their own.
            content=content.SerializeToString(deterministic=True),
        )
        about = SummaryMetadata(plugin_data=plugin)
        entries.append((0, Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)))
    return entries
