"""parity.json and course.json of a merged folder: what each source has, every subject once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.records.evidence import COURSE, PARITY, courses, parity_climbs
from harness.records.run import run_name
from harness.system.files import write_json
from harness.tools.merge.sources import MergeSource, PlacedRun


def merge_evidence(
    sources: Sequence[MergeSource], placed: Sequence[PlacedRun], folder: Path
) -> None:
    """Write both into `folder`, where any source has them. Raises UserError for a damaged one.

    Courses are of runs, and have the name of the folder that those got for a device.
    """
    climbs: dict[Any, dict[str, Any]] = {}
    followed: dict[Any, dict[str, Any]] = {}
    device_of = {one.run.folder.resolve(): one.device for one in placed}
    for source in sources:
        for climb in parity_climbs(source.folder / PARITY):
            subject = (climb["device_name"], tuple(climb["backends"]), climb.get("digest"))
            climbs.setdefault(subject, climb)
        for course in courses(source.folder / COURSE):
            below = source.folder.resolve() / "runs" / course["device"]
            runs = [below / run_name(backend, course["seed"]) for backend in course["files"]]
            devices = {device_of.get(run) for run in runs}
            if len(devices) == 1 and None not in devices:
                [device] = devices
                run = (device, course["seed"], course["steps"], tuple(course["files"]))
                followed.setdefault(run, {**course, "device": device})
    if climbs:
        write_json(folder / PARITY, {"climbs": list(climbs.values())})
    if followed:
        write_json(folder / COURSE, {"courses": list(followed.values())})
