"""An estimate from start to end: workers calibrated, scoring timed, the whole reckoned."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.studies.estimate.calibrate import Bench, calibrate
from harness.studies.estimate.measured import Calibration
from harness.studies.estimate.predict import Estimate, predict
from harness.studies.estimate.preparing import time_preparing
from harness.studies.estimate.scoring import time_scoring
from harness.studies.estimate.work import Work
from harness.system.errors import WorkerFailed
from harness.system.lock import locked
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.training.jobs import tell


@dataclass(frozen=True)
class Request:
    """`seconds`: of timed blocks of training, at most, but for the least that there must be.

    `results`: where a comparison would write; a calibration writes there, too, and tidies up.
    """

    work: Work
    machine: Machine
    results: Path
    seconds: float = 60.0
    data_dir: Path | None = None


def estimate(request: Request, display: Display) -> Estimate:
    """Raises WorkerFailed where a backend dies; its log is then left, and named."""
    work = request.work
    with _workplace(request.results) as folder:
        tell(display, request.machine, folder, folder / "runs" / "*" / "log.txt")
        bench = Bench(request.machine, folder, request.seconds)
        measured = calibrate(work, bench, display)
        scoring = time_scoring(work, folder, display)
        preparing = time_preparing(work, request.data_dir, folder)
    return predict(work, Calibration(measured, scoring, preparing))


@contextmanager
def _workplace(results: Path) -> Iterator[Path]:
    """A folder for one calibration, empty; it stays where a worker died, for the log is in it."""
    there, home, keep = results.exists(), results / "estimate", False
    with locked(home):
        folder = home / "calibration"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
        except WorkerFailed:
            keep = True
            raise
        finally:
            if not keep:
                shutil.rmtree(home if there else results)
