"""Failures of workers are known for what they are."""

from __future__ import annotations

import errno

import pytest

from harness.processes.faults import diagnosis, ended
from harness.system.errors import Diverged, WorkerFailed


class OutOfMemoryError(RuntimeError):
    """As PyTorch names its own."""


class ResourceExhaustedError(Exception):
    """As TensorFlow names its own."""


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (MemoryError(), "memory"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), "memory"),
        (ResourceExhaustedError("{{function_node x}} OOM when allocating tensor"), "memory"),
        (OSError(errno.ENOSPC, "No space left on device", "a.json"), "disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk"),
        (OSError(errno.EIO, "Error while serializing: No space left on device"), "disk"),
        (OSError(errno.EIO, "Input/output error"), "error"),
        (Diverged("diverged: cycle_a is nan at step 3"), "diverged"),
        (ValueError("a\nb"), "error"),
    ],
)  # fmt: skip
def test_an_exception_is_told_by_what_it_says(error, fault):
    found, said = diagnosis(error)
    assert found == fault and "\n" not in said
    assert ("training.batch_size" in said) == (fault == "memory")
    assert ("free some space" in said) == (fault == "disk")


def test_an_end_without_a_word_is_told_by_its_status():
    assert ended(-9) == ("died", ended(-9)[1]) and "SIGKILL" in ended(-9)[1]
    assert "lack of memory" in ended(-9)[1] and "lack of memory" not in ended(-11)[1]
    assert "SIGSEGV" in ended(-11)[1] and "status 3" in ended(3)[1]


@pytest.mark.parametrize("fault", ["memory", "disk", "diverged", "error"])
def test_only_what_may_pass_is_tried_again(fault):
    assert not WorkerFailed("", fault).passing
    assert WorkerFailed("", "died").passing and WorkerFailed("", "silent").passing
