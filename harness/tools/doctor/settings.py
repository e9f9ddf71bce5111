"""Variables of the environment that change what is computed, or how fast."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from harness.data.connection import check_url
from harness.data.fetch import MIRROR_VARIABLE
from harness.metrics.weights import OFFLINE_VARIABLE
from harness.system.errors import UserError
from harness.system.variables import mattering
from harness.tools.doctor.check import Check, ok

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
CUDA_FILES = ("libcudnn*", "libcublas*", "libcudart*", "libnccl*")


def check_variables(
    names: Iterable[str], environment: Mapping[str, str] = os.environ
) -> Iterator[Check]:
    """Those that are set, of all and of the backends `names`; values are shown, but for passwords
    in addresses."""
    for variable, value in mattering(names, environment):
        found = f"{value[:100]}: {variable.why}"
        yield Check(variable.name, "warning", found, f"unset {variable.name}")
    threads = ", ".join(f"{name}={environment[name]}" for name in THREADS if environment.get(name))
    if threads:
        found = f"{threads}: backends are given their threads and ignore it, scoring does not"
        yield Check("thread settings", "warning", found, "unset them")
    else:
        yield ok("thread settings", "none in the environment")
    # The linker takes libraries of the system's CUDA before those that pip installed.
    name = "LD_LIBRARY_PATH"
    folders = [folder for folder in environment.get(name, "").split(":") if folder]
    taken = [at for at in folders if any(any(Path(at).glob(file)) for file in CUDA_FILES)]
    if taken:
        found = f"{', '.join(taken)}: CUDA libraries there are taken in place of those installed by"
        yield Check(name, "warning", f"{found} pip", f"unset {name}")
    else:
        yield ok(name, "no CUDA libraries there")
    yield from _check_network(environment)


def _check_network(environment: Mapping[str, str]) -> Iterator[Check]:
    mirror = environment.get(MIRROR_VARIABLE)
    if mirror:
        try:
            check_url(mirror)
            yield ok(MIRROR_VARIABLE, f"downloads come from {_host(mirror)}")
        except UserError as error:
            yield Check(MIRROR_VARIABLE, "problem", str(error), f"unset or mend {MIRROR_VARIABLE}")
    if environment.get(OFFLINE_VARIABLE):
        yield ok(OFFLINE_VARIABLE, "set: the Inception weights are not downloaded")
    given = {name: environment.get(name) or environment.get(name.upper()) for name in PROXIES}
    hosts = [f"{name} {_host(value)}" for name, value in given.items() if value]
    yield ok("proxies", ", ".join(hosts) or "none")


def _host(address: str) -> str:
    """Of an address, without user and password."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname or "(no host)"
    except ValueError:
        return "(no address)"
