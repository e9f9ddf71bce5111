"""What a backend says of its framework's releases, for whoever looks at a machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Tuple  # noqa: UP035

Numbers = Tuple[int, int]  # noqa: UP006
Capability = Numbers  # compute capability of an NVIDIA GPU


@dataclass(frozen=True)
class GpuBuild:
    """What a build for GPUs needs; it is installed where `package` is there in `version`.

    `cuda`: the version that the driver has to support. `compiled`: for these GPUs; of one major
    number code also runs on a later minor one. None: it is not known. `portable`: the first and the
    last GPU that the driver compiles its portable code (PTX) for; None: the last is not known.
    `oldest`: where an older GPU is visible, the build uses none.
    """

    title: str
    package: str
    version: str
    cuda: tuple[int, int]
    compiled: tuple[Capability, ...] | None
    portable: tuple[Capability, Capability | None] | None = None
    oldest: Capability = (0, 0)

    def kernels(self, capability: Capability) -> str:
        """ "compiled", "at first use", "none" or "unknown"."""
        if self.compiled is None:
            return "unknown"
        major, minor = capability
        if any(has[0] == major and has[1] <= minor for has in self.compiled):
            return "compiled"
        first, last = self.portable or (None, None)
        if first is None or capability < first:
            return "none"
        if last is None:
            return "unknown"
        return "at first use" if capability <= last else "none"


@dataclass(frozen=True)
class Releases:
    """Of the framework `package`, those that the backend works with.

    `oldest`: the first one, as (2, 17). `pythons`: the first and the last Python that a release has
    wheels for, as far as known.
    """

    package: str
    oldest: Numbers
    pythons: Mapping[Numbers, tuple[Numbers, Numbers]] = field(default_factory=dict)

    def check(self, version: str) -> str:
        """What is wrong with a version, as 2.16.2; empty where nothing is."""
        if numbers(version)[:2] >= self.oldest:
            return ""
        oldest = "{}.{}".format(*self.oldest)
        return f"does not work with {self.package} {version}; the oldest that works is {oldest}"


@dataclass(frozen=True)
class Variable:
    """Of the environment, which changes what is computed, or how fast, where `matters` is true of
    its value."""

    name: str
    matters: Callable[[str], object]
    why: str


def numbers(version: str) -> tuple[int, ...]:
    """(2, 20, 0) of 2.20.0."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))
