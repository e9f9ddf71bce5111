"""An experiment folder, read once: all that a report is made from (results/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import backends
from harness.records.run import RunRecord, find_runs
from harness.records.schema import (
    AuditShape,
    HeadShape,
    ManifestShape,
    MergedShape,
    MetricsShape,
    Shape,
    check_shape,
    require,
)
from harness.records.seeds import SeedRecord, read_seeds
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json

DIRECTIONS = ("ab", "ba")
REQUIRED = object()

# Keys that older records do not have: what was done then.
LATER = {("evaluation", "reals"): "test"}


@dataclass(frozen=True)
class ExperimentFolder:
    """Records of one experiment. `runs` are the complete ones: only they give numbers."""

    folder: Path
    dataset: str
    preset: str
    hash: str
    configuration: Mapping[str, Any]
    manifest: Mapping[str, Any]
    audit: Mapping[str, Any]
    metrics: Mapping[str, Any]  # empty while nothing has been scored
    references: Mapping[str, np.ndarray]  # uint8 NHWC; empty before the first evaluation
    runs: tuple[RunRecord, ...]
    unfinished: tuple[RunRecord, ...]
    backends: tuple[str, ...]  # in the configuration's order, then by name; a place is a colour
    merged: Mapping[str, Any] = field(default_factory=dict)  # empty: made by one `compare`
    asked: SeedRecord = field(default_factory=lambda: SeedRecord(None, {}))  # how seeds came to be

    @property
    def directions(self) -> tuple[str, ...]:
        """Those that its models make images in: both, unless the configuration has others."""
        return tuple(self.configuration.get("directions") or DIRECTIONS)

    @property
    def kind(self) -> str:
        """Of its model."""
        return str(self.configuration.get("kind", "cyclegan"))

    @property
    def present(self) -> tuple[str, ...]:
        """Backends with a complete run, in order."""
        return tuple(name for name in self.backends if any(r.backend == name for r in self.runs))

    @property
    def devices(self) -> tuple[str, ...]:
        """Slugs of the devices with a complete run."""
        return tuple(sorted({run.device for run in self.runs}))

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({run.seed for run in self.runs}))

    def of(self, backend: str, device: str | None = None) -> tuple[RunRecord, ...]:
        """Complete runs of a backend, on one device or on all, ordered by device and seed."""
        return tuple(
            run
            for run in self.runs
            if run.backend == backend and (device is None or run.device == device)
        )

    def on(self, device: str) -> tuple[str, ...]:
        """Backends with a complete run on a device, in order."""
        return tuple(name for name in self.present if self.of(name, device))

    def pairs(self, device: str) -> list[tuple[str, ...]]:
        """(first, other) for each other backend on the device; (first,) if it is alone."""
        first, *others = self.on(device)
        return [(first, other) for other in others] or [(first,)]

    def title(self, backend: str) -> str:
        """The framework's name, or as `backends.title`; with the backend's where two share that."""
        titles = backends.titles((name, self.of(name)[0].environment) for name in self.present)
        return titles.get(backend, backend)

    def device_title(self, device: str) -> str:
        """The device's name; with the folder's where two folders name the same device."""
        names = {
            slug: next(run for run in self.runs if run.device == slug).environment["device"]
            for slug in self.devices
        }
        shared = list(names.values()).count(names[device]) > 1
        return f"{names[device]} ({device})" if shared else names[device]

    def domain(self, side: str) -> str:
        """Title of domain "a" or "b": "summer"; "A" where the configuration has none."""
        return (self.configuration.get("titles") or {}).get(side) or side.upper()

    def path(self, sides: str) -> str:
        """ "ab" -> "summer → winter", "aba" -> "summer → winter → summer"."""
        return " → ".join(self.domain(side) for side in sides)

    def image_shape(self, side: str) -> tuple[int, int, int]:
        """Height, width and channels of the training images of domain "a" or "b"."""
        size = self.setting("data.crop_size")
        if side == "b":
            size = self.setting("data.crop_size_b", None) or size
        return size, size, self.setting(f"data.channels_{side}", 3)

    def setting(self, key: str, default: Any = REQUIRED) -> Any:
        """A value of the resolved configuration by dotted path.

        Raises UserError if it is absent and there is no default.
        """
        value: Any = self.configuration
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                if default is not REQUIRED:
                    return default
                raise UserError(
                    f"{self.folder / 'experiment.json'}: configuration has no {key}; "
                    "use the version of cyclebench that wrote it"
                )
            value = value[part]
        return value


def load(folder: Path, scored: bool = True) -> ExperimentFolder:
    """Read an experiment folder. Raises UserError naming the damaged or missing file.

    `scored`: with metrics.json, where there is one.
    """
    record = _read(folder / "experiment.json", HeadShape)
    runs = find_runs(folder)
    complete = tuple(run for run in runs if run.complete)
    for run in complete:
        # What the report asks of a complete run's small records; tables are read when drawn.
        advice = f"remove {run.folder} to train that run anew"
        needed = ("framework", "device", "versions")
        require(run.folder / "environment.json", run.environment, needed, advice)
        require(run.folder / "resources.json", run.resources, ("clocks", "peak_memory"), advice)
    configured = record["configuration"].get("backends") or []
    others = backends.ordered(run.backend for run in runs)
    scores, references = folder / "metrics.json", folder / "references.safetensors"
    merged = folder / "merged.json"
    return ExperimentFolder(
        folder=folder,
        dataset=record["dataset"],
        preset=record["preset"],
        hash=record["hash"],
        configuration=with_later_keys(record["configuration"]),
        manifest=_read(folder / "manifest.json", ManifestShape),
        audit=_read(folder / "audit.json", AuditShape),
        metrics=_read(scores, MetricsShape) if scored and scores.exists() else {},
        references=read_arrays(references) if references.exists() else {},
        runs=complete,
        unfinished=tuple(run for run in runs if not run.complete),
        backends=tuple(dict.fromkeys([*configured, *others])),
        merged=_read(merged, MergedShape) if merged.exists() else {},
        asked=read_seeds(folder),
    )


def with_later_keys(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded configuration, and what was done before there were keys to choose it by."""
    made = dict(configuration)
    for (section, key), value in LATER.items():
        if isinstance(made.get(section), Mapping):
            made[section] = {**made[section], key: made[section].get(key, value)}
    return made


def _read(path: Path, shape: type[Shape]) -> dict[str, Any]:
    document = read_json(path)
    check_shape(path, document, shape, "mend it, or remove the folder and train anew")
    return document
