"""How the threads of a framework wait for each other at the end of a parallel loop.

By default GNU's OpenMP (PyTorch) keeps a waiting thread running, for seconds if need be. On an idle
machine that gains microseconds. As soon as another program takes one core, the waiting threads keep
that core from the thread they wait for, and a step takes several times as long. TensorFlow has a
pool of threads of its own, which these variables do not change.
"""

from __future__ import annotations

from collections.abc import Mapping

# Any of them decides: of the standard, of GNU's library, of Intel's and LLVM's.
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
# Of the standard, so that all libraries know it: GNU's then does not spin, and in Intel's the time
# to block (KMP_BLOCKTIME) is zero.
CHOSEN = {"OMP_WAIT_POLICY": "PASSIVE"}


def wait_policy(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables for a child process: those of the user where there are any, otherwise ours."""
    return {name: environment[name] for name in VARIABLES if name in environment} or dict(CHOSEN)
