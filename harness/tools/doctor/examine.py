"""All checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from harness.system.gpu import gpu_is_expected, gpu_state, visible_gpus, why_no_gpu
from harness.system.interpreters import expected
from harness.tools.doctor.check import Check
from harness.tools.doctor.environment import check_versions, gpu_builds, look
from harness.tools.doctor.frameworks import check_backends, start_probes
from harness.tools.doctor.gpus import check_gpus
from harness.tools.doctor.machine import check_machine, check_places
from harness.tools.doctor.packages import check_packages
from harness.tools.doctor.settings import check_variables


def examine(
    results: Path, data_dir: Path | None = None, say: Callable[[str], None] = lambda line: None
) -> Iterator[Check]:
    """Takes some seconds, on a GPU minutes at most; no network. `say`: is told what takes long.

    Nothing is written, but for logs of backends that fail, in the folder for temporary files.
    """
    # The load first: the rest of this is a load.
    yield from check_machine()
    gpus = visible_gpus()
    # And the state of the GPU before a process of ours is on it.
    state = gpu_state(gpus[0]) if gpus else {}
    alone = str(state.get("compute_mode")).startswith("EXCLUSIVE")
    probes = start_probes(bool(gpus), one_by_one=alone)
    try:
        names = expected()
        environments = look(names)
        yield from check_packages(environments)
        yield from check_versions()
        builds = gpu_builds(names, environments)
        yield from check_gpus(gpus, why_no_gpu(), not gpu_is_expected(), state, builds)
        yield from check_variables(names)
        yield from check_places(results, data_dir)
        yield from check_backends(probes, say)
    finally:
        for probe in probes:
            probe.stop()
