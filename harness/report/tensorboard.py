"""Scores over training as TensorBoard event files, a folder a run: the report's curves to zoom in.

The files hold no clock time and have fixed names, so that the same records give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from harness.records import RunRecord
from harness.report.experiment import Experiment

FILE = "events.out.tfevents.0.cyclebench"
Scalar = tuple[int, str, float]  # step, tag, value


def event_files(experiment: Experiment) -> dict[str, bytes]:
    """Path below the experiment's folder -> content, of every complete run that was scored."""
    files = {}
    for run in experiment.runs:
        scalars = sorted(_scalars(experiment, run))
        if scalars:
            name = f"{run.device}/{run.backend}-seed{run.seed}"
            files[f"tensorboard/{name}/{FILE}"] = events(scalars)
    return files


def events(scalars: Iterable[Scalar]) -> bytes:
    """The content of an event file, in TensorFlow's record format."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
    for step, tag, value in scalars:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        writer.write(Event(wall_time=0.0, step=step, summary=summary).SerializeToString())
    return buffer.getvalue()


def _scalars(experiment: Experiment, run: RunRecord) -> Iterator[Scalar]:
    def of_run(table: str) -> Iterator[dict]:
        for row in experiment.metrics.get(table, []):
            if (row["device"], row["backend"], row["seed"]) == (run.device, run.backend, run.seed):
                yield row

    for row in of_run("scores"):
        if row["value"] is not None:
            yield row["step"], f"{row['metric']}/{row['direction']}", row["value"]
    for row in of_run("discriminators"):
        for quantity in ("accuracy_real", "accuracy_fake"):
            yield row["step"], f"discriminator_{row['domain']}/{quantity}", row[quantity]
