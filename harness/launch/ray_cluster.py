"""Units as tasks of a Ray cluster (extra `ray`).

Only Ray's tasks are used: each starts the unit's command on its node and waits for it. Results go
into the experiment folder, which all nodes see. A task whose node is lost is started again by Ray
on another, and goes on from the last checkpoints. Ray ends tasks when their driver ends.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.launch.local import UnitProcess
from harness.launch.queue import Handle
from harness.launch.unit import Unit
from harness.records.units import UnitStatus
from harness.system.errors import UserError
from harness.system.interpreters import ROOT
from harness.training.worker_process import STOP_SECONDS


def run_unit(unit: Unit) -> None:
    """On a node: train the unit in a process of its own. What it came to is in its records."""
    process = UnitProcess(unit, {})
    try:
        while not process.ended():
            process.pause()
    except BaseException:  # cancelled
        process.cancel()
        process.wait()
        raise


class _RayTask:
    def __init__(self, ray: Any, reference: Any):
        self._ray, self._reference = ray, reference

    def ended(self) -> bool:
        done, _ = self._ray.wait([self._reference], timeout=0)
        return bool(done)

    def cancel(self) -> None:
        self._ray.cancel(self._reference)

    def wait(self) -> None:
        self._ray.wait([self._reference], timeout=STOP_SECONDS)


class RayCluster:
    """`address`: of a cluster; None: the one in RAY_ADDRESS, or else a new one on this machine.

    `cpus`, `gpus`: of a unit; without GPUs a timed one has a whole node to itself. `restarts`:
    after the loss of a node. Raises UserError.
    """

    name = "ray"

    def __init__(self, address: str | None, cpus: int, gpus: int, restarts: int):
        try:
            self._ray = importlib.import_module("ray")
        except ImportError:
            raise UserError(
                "launcher ray: Ray is not installed; run: python -m pip install ray"
            ) from None
        # Ray puts the current folder on the path of every task.
        here = Path.cwd()
        os.chdir(ROOT)
        try:
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level="error",
                runtime_env={"env_vars": {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}},
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UserError(
                f"launcher ray: no cluster at {address or 'this machine'}"
                f" ({' '.join(str(error).split())[:200]}); start one, or give its address"
            ) from None
        finally:
            os.chdir(here)
        self.cpus, self.gpus, self.restarts = cpus, gpus, restarts
        self._run = self._ray.remote(run_unit)

    def room(self) -> int:
        return sys.maxsize  # Ray queues

    def node_cpus(self) -> int:
        """Of the largest node that is alive."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return int(max((resources.get("CPU", 0) for resources in nodes), default=0))

    def submit(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Handle]]:
        for unit in units:
            if self.gpus:
                wanted = {"num_gpus": self.gpus, "num_cpus": self.cpus}
            else:
                wanted = {"num_cpus": self.node_cpus() if unit.timed else self.cpus}
            unit.queued(self.name)
            task = self._run.options(
                **wanted, max_retries=self.restarts, name=unit.label, retry_exceptions=False
            )
            yield unit, _RayTask(self._ray, task.remote(unit))

    def find(self, unit: Unit, status: UnitStatus) -> Handle | None:
        return None  # tasks end with their driver; one that is still at it holds the unit's lock

    def leave(self) -> bool:
        return False
