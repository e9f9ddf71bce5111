"""Many tests at once: Holm's step-down correction (Holm 1979)."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def holm(tests: Sequence[Callable[[float], bool]], alpha: float) -> list[bool]:
    """Which hypotheses are rejected, so that any false rejection has probability `alpha` at most.

    `tests`: each says whether it rejects at a level, and rejects at every larger level as well. The
    level is `alpha` over the number of hypotheses not yet rejected, until no more are: the same as
    comparing ordered p values with alpha / m, alpha / (m - 1), and so on.
    """
    rejected = [False] * len(tests)
    while not all(rejected):
        level = alpha / rejected.count(False)
        now = [done or test(level) for done, test in zip(rejected, tests, strict=True)]
        if now == rejected:
            break
        rejected = now
    return rejected
