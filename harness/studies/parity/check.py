"""The ladder for one experiment: climbed with all backends at once, or found in the cache."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from backends import distinct, title
from harness.config.experiment import AnyExperiment, Experiment, GanExperiment
from harness.config.load import load_any
from harness.data.cache import cache_folder, explained_writes
from harness.records.evidence import PARITY, parity_climbs
from harness.studies.parity.backend_cache import BackendCache, Precision, Site
from harness.studies.parity.gan_case import GanCase, make_gan_case
from harness.studies.parity.ladder import climb
from harness.studies.parity.parity_case import ParityCase, make_case
from harness.studies.parity.rows import ParityRow, as_json
from harness.studies.parity.together import measure_together
from harness.system import interpreters, provenance
from harness.system.files import SCHEMA_VERSION, write_json

Device = Literal["cpu", "cuda"]
Progress = Callable[[int, int], None]
# Besides the sources that decide a run's numbers, those that decide a row.
OWN_SOURCES = ("harness/studies/parity", "harness/report/comparison/losses.py")


def check_parity(
    preset: str,
    names: Sequence[str],
    device: Device = "cpu",
    precisions: Sequence[Precision] = (),
    progress: Progress = lambda done, total: None,
) -> list[ParityRow]:
    """Rows of all checks with the networks and the objective of `preset`. Raises UserError.

    On another device than the CPU all backends there are compared with the first one on the CPU.
    `precisions`: those below float32 that the device computes in.
    """
    case = case_of(load_any("seasons", preset, []))
    return check_case(case, names, device, precisions, progress)[0]


def check_case(
    case: ParityCase | GanCase,
    names: Sequence[str],
    device: Device,
    precisions: Sequence[Precision],
    progress: Progress,
) -> tuple[list[ParityRow], dict[str, str]]:
    """As `check_parity`, of a case; and what each backend calls its framework."""
    sites = {name: Site(name) for name in names}
    if device != "cpu":
        sites = {names[0]: Site(names[0])}
        sites |= {f"{name} on {device}": Site(name, device) for name in names}
    with closing(BackendCache(case, tuple(sites), sites, precisions, apart=True)) as cache:
        measure_together(cache, progress)
        rows = list(climb(cache))
        titles = {site.backend: _framework(cache, name) for name, site in sites.items()}
        return rows, distinct(titles.items())


def _framework(cache: BackendCache, name: str) -> str:
    backend = cache.sites[name].backend
    try:
        return title(backend, cache.backend(name, "float64").environment())
    except Exception:  # it cannot be built, which the rows say
        return backend


def parity_record(
    experiment: AnyExperiment, names: Sequence[str], device: Device, progress: Progress
) -> dict[str, Any]:
    """One of the `climbs` of parity.json (results/README.md) for what `experiment` trains.

    Its networks are as `make_case` reduces them. In the cache it stands under a digest of all that
    decides it; what is there is not measured again. Raises UserError where no images that the
    ladder makes are large enough for the networks.
    """
    case = case_of(experiment)
    digest = _digest(case, names, device)
    file = cache_folder() / "parity" / digest / PARITY
    if file.exists():
        [found] = parity_climbs(file)
        return found
    began = time.monotonic()
    precisions = _precisions(experiment)
    rows, frameworks = check_case(case, names, device, precisions, progress)
    record = {
        "backends": list(names),
        "frameworks": frameworks,
        "device": device,
        "device_name": _device_name(device),
        "digest": digest,
        "checked": _scale(case.experiment),
        "trained": _scale(experiment),
        "seconds": round(time.monotonic() - began, 1),
        **as_json(rows),
    }
    with explained_writes(file):
        write_json(file, {"climbs": [record]})
    return record


def write_parity(folder: Path, record: dict[str, Any]) -> None:
    """Into parity.json of an experiment's folder, beside those of other devices and backends."""
    file = folder / PARITY

    def subject(climbed: dict[str, Any]) -> tuple[str, list[str]]:
        return climbed["device_name"], climbed["backends"]

    kept = [one for one in parity_climbs(file) if subject(one) != subject(record)]
    write_json(file, {"climbs": [*kept, record]})


def _precisions(experiment: AnyExperiment) -> list[Precision]:
    """Those below float32 that the experiment trains in."""
    runtime = experiment.runtime
    bfloat16: list[Precision] = ["bfloat16"] if runtime.precision == "bfloat16" else []
    return [*bfloat16, "tf32"] if runtime.tf32 else bfloat16


def case_of(experiment: AnyExperiment) -> ParityCase | GanCase:
    """The case that the kind of `experiment` is checked by."""
    if isinstance(experiment, GanExperiment):
        return make_gan_case(experiment)
    assert isinstance(experiment, Experiment)
    return make_case(experiment)


def _scale(experiment: Any) -> dict[str, Any]:
    """What a case reduces."""
    size: dict[str, Any] = {
        "crop_size": [experiment.data.crop("a"), experiment.data.crop("b")],
        "batch_size": experiment.training.batch_size,
    }
    if isinstance(experiment, GanExperiment):
        model = experiment.model
        of_d = {"discriminator_hidden": list(model.discriminator_hidden)}
        return {
            **size,
            "crop_size": [experiment.data.crop("a")],
            "hidden": list(model.hidden),
            **of_d,
        }
    return {
        "filters": experiment.model.filters,
        "discriminator_filters": experiment.model.discriminator_filters,
        "pool_size": experiment.objective.pool_size,
        **size,
    }


def _device_name(device: Device) -> str:
    """The threads are left out: every backend has its share of what the machine has today."""
    return provenance.gpu_name() or device if device == "cuda" else provenance.cpu_name()


def _digest(case: ParityCase | GanCase, names: Sequence[str], device: Device) -> str:
    """Of code, packages, networks, objective, schedule, options, backends and device."""
    sources = hashlib.sha256(provenance.source_digest().encode())
    for path in (provenance.ROOT / name for name in OWN_SOURCES):
        for file in sorted(path.rglob("*.py")) or [path]:
            sources.update(file.name.encode() + b"\0" + file.read_bytes())
    settings = case.experiment.model_dump(
        mode="json",
        exclude={
            "dataset": True,
            "preset": True,
            "evaluation": True,
            "timing": True,
            # A case has its own.
            "training": {"steps", "steps_per_epoch"},
            "data": {"train", "test", "hold_out"},
        },
    )
    packages = {name: interpreters.packages(name) for name in names}
    decides = {
        "schema": SCHEMA_VERSION,
        "sources": sources.hexdigest(),
        "packages": {"harness": interpreters.shared_packages(), **packages},
        "settings": settings,
        "backends": list(names),
        "device": [device, _device_name(device)],
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
