"""Configuration and headline scores for TensorBoard's table of runs (its HPARAMS tab).

The plugin's own `summary` modules import TensorFlow; its messages do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from harness.config.differences import flat
from harness.config.metric_table import METRICS
from harness.records.experiment import DIRECTIONS, ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.tensorboard.events import Entry
from harness.report.comparison.tensorboard.scalars import STEP_MS

Setting = bool | float | str
TYPES = {bool: api_pb2.DATA_TYPE_BOOL, float: api_pb2.DATA_TYPE_FLOAT64,
         str: api_pb2.DATA_TYPE_STRING}  # fmt: skip
IDENTITY = ("backend", "seed", "device", "dataset", "preset", "experiment")
FIELDS = {bool: "bool_value", float: "number_value", str: "string_value"}
STATUS = {
    "complete": api_pb2.STATUS_SUCCESS,
    "failed": api_pb2.STATUS_FAILURE,
    "running": api_pb2.STATUS_RUNNING,
}


def of_run(experiment: ExperimentFolder, run: RunRecord) -> list[Entry]:
    """What the table's columns are, and this run's row but for its scores: those are scalars."""
    given = settings(experiment, run)
    columns = api_pb2.Experiment(
        hparam_infos=[
            # What differs comes first; all else does so only between experiments.
            api_pb2.HParamInfo(name=name, type=TYPES[type(value)], differs=name in IDENTITY)
            for name, value in given.items()
        ],
        metric_infos=[
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=title)
            for tag, title in _metrics(experiment)
        ],
    )
    start = SessionStartInfo()
    for name, value in given.items():
        setattr(start.hparams[name], FIELDS[type(value)], value)
    state = STATUS.get(run.status["state"], api_pb2.STATUS_UNKNOWN)
    return [
        _entry(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=columns)),
        _entry(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
        _entry(
            metadata.SESSION_END_INFO_TAG,
            HParamsPluginData(session_end_info=SessionEndInfo(status=state)),
        ),
    ]


def settings(experiment: ExperimentFolder, run: RunRecord) -> dict[str, Setting]:
    """What the run is, then the configuration by dotted key; keys that are null are left out."""
    about: tuple[Setting, ...] = (
        run.backend, float(run.seed), run.device,
        experiment.dataset, experiment.preset, experiment.hash,
    )  # fmt: skip
    # Of a run, those say nothing.
    kept = {k: v for k, v in experiment.configuration.items() if k not in ("backends", "seeds")}
    settings: dict[str, Setting] = dict(zip(IDENTITY, about, strict=True))
    for key, value in flat(kept).items():
        if isinstance(value, list):
            settings[key] = ", ".join(map(str, value))
        elif isinstance(value, bool | str):
            settings[key] = value
        elif value is not None and value != {}:
            settings[key] = float(value)
    return settings


def _metrics(experiment: ExperimentFolder) -> Iterator[tuple[str, str]]:
    """Tags of scalars and what their columns are called."""
    scored = {row["metric"] for row in experiment.metrics.get("scores", [])}
    for metric in METRICS:
        if metric.name in scored:
            for direction in DIRECTIONS:
                better = "↓" if metric.better == "lower" else "↑"
                yield f"{metric.name}/{direction}", f"{metric.title} {direction} {better}"
    yield STEP_MS, "step, ms"


def _entry(tag: str, content: Any) -> Entry:
    content.version = metadata.PLUGIN_DATA_VERSION
    plugin = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME,
        # A map's keys have no order of their own.
        content=content.SerializeToString(deterministic=True),
    )
    value = Summary.Value(
        tag=tag, metadata=SummaryMetadata(plugin_data=plugin), tensor=metadata.NULL_TENSOR
    )
    return 0, value
