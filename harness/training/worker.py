"""One backend, one seed, one process: trains when its parent says so.

The parent writes JSON lines to stdin, this process to stdout. First line in: the job; first one
out: the step it stands at and the steps after which it is to be told to evaluate. Then commands
`{"train": until_step}`, `{"evaluate": "translations" | "everything"}`, `{"finish": true}`,
`{"stop": state}`; each is answered by one event. While it works on one for long it says
`{"alive": true}` now and then. Between commands the process is blocked in a read, so it takes
nothing from the other backend's turn. If the parent vanishes, it leaves a checkpoint.
"""

from __future__ import annotations

import fcntl
import json
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from harness.processes.child import answering, failure, heartbeat, send
from harness.system.errors import UserError
from harness.system.files import remove_leftovers
from harness.training.clocks import Clocks
from harness.training.run import Job
from harness.training.run import TrainingRun as Run


def serve(run: Run, requests: TextIO, answer: TextIO) -> None:
    """Do as the parent says until it says stop or is gone."""
    for line in iter(requests.readline, ""):
        command = json.loads(line)
        if "train" in command:
            event = run.train(command["train"])
            run.checkpoint_if_due()
        elif "evaluate" in command:
            event = run.evaluate(command["evaluate"] == "everything")
        elif "finish" in command:
            send(answer, run.finish())
            return
        else:
            send(answer, run.checkpoint(command["stop"]))
            return
        run.clocks.switch("idle")
        try:
            send(answer, event)
        except BrokenPipeError:  # the parent is gone
            break
    run.checkpoint("interrupted")


def main() -> int:
    clocks = Clocks()
    job = Job(**json.loads(sys.stdin.readline()))
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    answer = answering(folder / "log.txt")
    # A worker whose parent was killed may still be writing its checkpoint: wait for it.
    lock = (folder / ".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    remove_leftovers(folder)
    run = None
    try:
        run = Run(job, clocks, heartbeat(answer))
        clocks.switch("idle")
        begin = {"step": run.step, "steps": run.plan.steps, "evaluations": run.evaluations_left}
        send(answer, begin)
        serve(run, sys.stdin, answer)
    except UserError as error:
        send(answer, {"refused": str(error)})
        return 2
    except Exception as error:
        failed = failure(error)
        # On a full disk neither the log nor the status can be written: the parent must still hear.
        with suppress(OSError, MemoryError):
            traceback.print_exc()
            if run is not None:
                run.fail(failed["failed"])
        send(answer, failed)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
