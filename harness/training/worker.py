"""One backend, one seed, one process: trains when its parent says so.

The parent writes JSON lines to stdin, this process to stdout. First line in: the job; first one
out: the step it stands at and the steps after which it is to be told to evaluate. Then commands
`{"train": until_step}`, `{"evaluate": "translations" | "everything"}`, `{"finish": true}`,
`{"stop": state}`; each is answered by one event. While it works on one for long it says
`{"alive": true}` now and then. Between commands the process is blocked in a read, so it takes
nothing from another backend's turn. If the parent vanishes, it leaves a checkpoint.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress
from pathlib import Path

from harness.processes import child
from harness.processes.child import Parent
from harness.processes.faults import diagnosis
from harness.system.errors import UserError
from harness.system.files import remove_leftovers
from harness.system.lock import open_own
from harness.training.clocks import Clocks
from harness.training.job import Job
from harness.training.run import TrainingRun


def serve(parent: Parent) -> None:
    """Do as the parent says until it says finish or stop, or is gone."""
    clocks = Clocks()
    job = Job.from_json(parent.first)
    folder = Path(job.folder)
    # A worker whose parent was killed may still be writing its checkpoint: wait for it.
    lock = open_own(folder / ".lock")
    fcntl.flock(lock, fcntl.LOCK_EX)
    remove_leftovers(folder)
    run = TrainingRun(job, clocks, parent.alive)
    clocks.switch("idle")
    begin = {"step": run.step, "steps": run.plan.steps, "evaluations": run.evaluations_left}
    parent.send(begin)
    try:
        follow(run, parent)
    except (UserError, BrokenPipeError):
        raise
    except Exception as error:
        # On a full disk the status cannot be written: the parent must still hear.
        with suppress(OSError, MemoryError):
            run.fail(diagnosis(error)[1])
        raise


def follow(run: TrainingRun, parent: Parent) -> None:
    for command in parent.commands():
        if "train" in command:
            event = run.train(command["train"])
            run.checkpoint_if_due()
        elif "evaluate" in command:
            event = run.evaluate(command["evaluate"] == "everything")
        elif "finish" in command:
            parent.send(run.finish())
            return
        else:
            parent.send(run.checkpoint(command["stop"]))
            return
        run.clocks.switch("idle")
        try:
            parent.send(event)
        except BrokenPipeError:  # the parent is gone
            break
    run.checkpoint("interrupted")


if __name__ == "__main__":
    child.run(serve)
