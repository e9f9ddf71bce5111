"""What the driver and NVML say of the GPU that will be used, and what that means for a comparison.

Nothing of this was tried on a GPU by those who wrote it. What builds hold their backends say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backends.releases import GpuBuild
from harness.system.gpu import BFLOAT16, Gpu
from harness.tools.doctor.check import Check, State, ok

GIB = 2**30
# Every backend's process has a context, of up to 0.7 GB, besides what it trains: for each of them.
LITTLE, TOO_LITTLE = 2 * GIB, 3 * GIB // 4
CACHE = 4 * GIB  # bytes of compiled kernels that the driver is to keep: CUDA_CACHE_MAXSIZE
SLOWED = ("hardware slowdown", "thermal limit", "hardware thermal slowdown", "power brake")
Builds = Mapping[str, GpuBuild | None]


def check_gpus(
    gpus: Sequence[Gpu],
    why: str,
    usual: bool,
    state: Mapping[str, Any],
    builds: Builds,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Check]:
    """`gpus`, `why`, `state`: as harness.system.gpu has them. `usual`: without a GPU it is as it
    should be. `builds`: of every backend what is installed, or would be; None: nothing is known.
    """
    if not gpus:
        found = f"none: {why}; the CPU is used"
        fix = "mend that, or go on with the CPU"
        if "CUDA_VISIBLE_DEVICES" in why:
            fix = "unset CUDA_VISIBLE_DEVICES, or go on with the CPU"
        yield ok("GPU", found) if usual else Check("GPU", "warning", found, fix)
        return
    gpu = gpus[0]
    others = f"; the first of {len(gpus)} visible ones is used" if len(gpus) > 1 else ""
    yield ok("GPU", f"{gpu.name}, {gpu.memory / GIB:.1f} GiB, compute capability "
                    f"{dotted(gpu.capability)}{others}")  # fmt: skip
    yield from _builds(gpus, builds, environment)
    if not gpu.has_bfloat16:
        yield ok("precision", "float32 (and float64, slow): bfloat16 and TF32 begin with compute"
                              f" capability {dotted(BFLOAT16)}")  # fmt: skip
    yield from _sharing(gpu, state, list(builds))
    yield from _speed(state)


def _builds(gpus: Sequence[Gpu], builds: Builds, environment: Mapping[str, str]) -> Iterator[Check]:
    """Whether the backends' builds run with this driver and these GPUs."""
    gpu, known = gpus[0], {name: build for name, build in builds.items() if build}
    found = f"{gpu.driver or 'version unknown'}, for CUDA up to {dotted(gpu.driver_cuda)}"
    needs = [
        f"{build.title} needs CUDA {dotted(build.cuda)}"
        for build in known.values()
        if build.cuda > gpu.driver_cuda
    ]
    if needs:
        fix = "update the driver (CUDA 13.0: 580 or newer), or install a build for an older CUDA"
        yield Check("driver", "warning", f"{found}; {', '.join(needs)}", fix)
    else:
        yield ok("driver", found)
    for build in known.values():
        old = [gpu for gpu in gpus if gpu.capability < build.oldest]
        new = [gpu for gpu in gpus if gpu.capability >= build.oldest]
        if old and new:
            found = f"{old[0].name} (compute capability {dotted(old[0].capability)}) is visible,"
            fix = f"`export CUDA_VISIBLE_DEVICES={new[0].uuid}`, which is {new[0].name}"
            found += f" too: {build.title} then refuses every GPU"
            yield Check("older GPU", "problem", found, fix)
    for name, build in known.items():
        how, title = build.kernels(gpu.capability), f"kernels of {name}"
        of = f"compute capability {dotted(gpu.capability)}"
        if how == "none":
            rest = ",".join(other for other in builds if other != name)
            fix = f"BACKENDS={rest}, or another build" if rest else "another build"
            yield Check(title, "warning", f"{build.title} has no code for {of}", fix)
        if how == "at first use":
            found = f"{build.title} is compiled for {of} at its first use, which takes minutes"
            cache = environment.get("CUDA_CACHE_MAXSIZE", "")
            if cache.isdecimal() and int(cache) >= CACHE:
                yield ok(title, found)
            else:
                fix = (
                    f"`export CUDA_CACHE_MAXSIZE={CACHE}`, and CUDA_CACHE_PATH on a local disk: so"
                    " it is done once"
                )
                yield Check(title, "warning", found, fix)


def _sharing(gpu: Gpu, state: Mapping[str, Any], names: Sequence[str]) -> Iterator[Check]:
    """Whether a process of every backend may use the GPU, and what others leave of it."""
    mode, free = state.get("compute_mode"), state.get("free_bytes")
    fix = "`nvidia-smi -c DEFAULT` as root"
    if mode == "PROHIBITED":
        yield Check("compute mode", "problem", f"{mode}: nothing may compute on the GPU", fix)
    elif mode is not None and mode.startswith("EXCLUSIVE"):
        found = f"{mode}: of the processes of a comparison all but the first would fail"
        one_by_one = ", then ".join(f"BACKENDS={name}" for name in names)
        fix += f"; or one backend after the other: {one_by_one}"
        yield Check("compute mode", "problem", found, fix)
    elif mode is not None:
        yield ok("compute mode", mode)
    if free is not None:
        found = f"{free / GIB:.1f} of {gpu.memory / GIB:.1f} GiB free"
        if free >= LITTLE * len(names):
            yield ok("GPU memory", found)
        else:
            fix = "end what else uses it; smaller images or batches; or BACKENDS one by one"
            severity: State = "problem" if free < TOO_LITTLE * len(names) else "warning"
            yield Check("GPU memory", severity, found, fix)
    others = state.get("other_processes")
    if others is None:
        return
    if not others["count"]:
        yield ok("other processes on the GPU", "none")
        return
    size = others["bytes"]
    found = str(others["count"]) + ("" if size is None else f", with {size / GIB:.1f} GiB")
    fix = "end them, or wait: what is timed meanwhile says nothing; what is learnt stays the same"
    yield Check("other processes on the GPU", "warning", found, fix)


def _speed(state: Mapping[str, Any]) -> Iterator[Check]:
    """Whether power or heat makes this GPU slower than others of its kind."""
    limit, default = (state.get(f"{name}power_limit_watts") for name in ("", "default_"))
    if limit is not None and default is not None:
        found = f"{limit:g} W, {default:g} W by default"
        if limit >= default:
            yield ok("power limit", found)
        else:
            fix = f"`nvidia-smi -pl {default:g}` as root, or say it beside the times"
            yield Check("power limit", "warning", f"{found}: slower than its kind", fix)
    slowed = [reason for reason in state.get("throttle_reasons") or () if reason in SLOWED]
    if slowed:
        fix = "look after cooling and power supply: times are not those of its kind"
        yield Check("GPU clocks", "warning", f"held back by {', '.join(slowed)}", fix)


def dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
