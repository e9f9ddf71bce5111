"""How the threads of a framework wait for each other at the end of a parallel loop.

By default GNU's OpenMP (PyTorch) keeps a waiting thread running, for 300,000 turns. As soon as
another program takes one core, waiting threads keep that core from the thread they wait for, and a
step takes many times as long. To sleep at once costs half of the speed of an idle machine. In
between there is a number of turns that costs nothing there. TensorFlow has a pool of threads of its
own, which these variables do not change.
"""

from __future__ import annotations

from collections.abc import Mapping

# Any of them decides: of the standard, of GNU's library, of Intel's and LLVM's.
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
# Steps of preset `quick` a second, two threads on two cores. Idle, in turns with GNU's default:
# 23.1 with 10,000 turns beside 23.3; 8.8 asleep at once (OMP_WAIT_POLICY=PASSIVE) beside 20.5;
# 4,000 turns take 11 % longer than 10,000. One core taken by a busy loop: default 0.2, 10,000 turns
# 3.0, asleep at once 7.6.
CHOSEN = {"GOMP_SPINCOUNT": "10000"}


def wait_policy(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables for a child process: those of the user where there are any, otherwise ours."""
    return {name: environment[name] for name in VARIABLES if name in environment} or dict(CHOSEN)
