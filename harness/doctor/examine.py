"""All checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import provenance
from harness.doctor.check import Check
from harness.doctor.frameworks import check_backends, check_gpu, start_probes
from harness.doctor.keras_settings import check_keras, settings_file
from harness.doctor.machine import check_machine
from harness.doctor.packages import check_packages
from harness.doctor.places import check_places
from harness.doctor.variables import check_variables


@dataclass(frozen=True)
class Request:
    results: Path = Path("results")
    data_dir: Path | None = None


def examine(request: Request) -> Iterator[Check]:
    """Some seconds, no network, nothing written."""
    # The load first: the rest of this is a load.
    yield from check_machine()
    gpu = provenance.gpu_name()
    probes = start_probes(gpu)
    yield from check_packages()
    yield check_gpu(gpu)
    yield check_keras(settings_file())
    yield from check_variables()
    yield from check_places(request.results, request.data_dir)
    yield from check_backends(probes)
