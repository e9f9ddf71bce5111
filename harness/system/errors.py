"""Exceptions that the command line turns into one line."""

from __future__ import annotations

import os
import re
from typing import Literal

# Set by the Makefile, whose users give options as variables.
MAKE = "CYCLEBENCH_MAKE"
VARIABLES = re.compile(
    r"--(preset|seeds|max-seeds|max-hours|backends|device|dataset|data-dir|results|set"
    r"|launcher|at-once|ray-address|partition|minutes|cpus)(?![\w-]) ?"
)

# Of a worker: it was killed; it fell silent; it ran out of memory, or of disk; a loss was not
# finite; or anything else, whose traceback is in its log.
Fault = Literal["died", "silent", "memory", "disk", "diverged", "error"]


def as_typed(message: str) -> str:
    """A message for the user: to one of `make`, "--preset paper" is "PRESET=paper"."""
    if not os.environ.get(MAKE):
        return message
    return VARIABLES.sub(lambda match: match[1].upper().replace("-", "_") + "=", message)


class UserError(Exception):
    """Bad input. The message is one line: which file or key, what is wrong, what to do.

    The command line prints it on stderr without a traceback and exits with status 2.
    """


class Diverged(Exception):
    """A loss is not a finite number: the same training would end there again."""


class WorkerFailed(Exception):
    """A worker ended before its work did; the message says why and names its log. Status 1."""

    def __init__(self, message: str, fault: Fault = "error"):
        super().__init__(message)
        self.fault = fault

    @property
    def passing(self) -> bool:
        """Whether the same work may well succeed the next time."""
        return self.fault in ("died", "silent")
