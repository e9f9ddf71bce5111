"""Settings outside this program that change what is computed, or how fast.

They are variables of the environment, and files of settings that frameworks read by themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import backends
from backends.releases import SettingsFile, Variable
from harness.data.connection import check_url
from harness.data.fetch import MIRROR_VARIABLE
from harness.metrics.weights import OFFLINE_VARIABLE
from harness.system.errors import UserError
from harness.system.untrusted import check_file, parse_json, shown
from harness.tools.doctor.check import Check, ok

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
CUDA_FILES = ("libcudnn*", "libcublas*", "libcudart*", "libnccl*")
LARGEST_FILE = 2**16  # bytes
# Of several frameworks' libraries; those of one framework are its backend's.
VARIABLES = (
    Variable("NVIDIA_TF32_OVERRIDE", "warning", str.strip,
             "CUDA libraries then use TF32 or not whatever runtime.tf32 says"),
    Variable("ONEDNN_DEFAULT_FPMATH_MODE", "warning", lambda value: value.upper() != "STRICT",
             "oneDNN may then round float32 to fewer bits, in every framework that has it"),
    Variable("ONEDNN_MAX_CPU_ISA", "warning",
             lambda value: value.upper() not in ("DEFAULT", "ALL"),
             "oneDNN is then kept from the processor's faster instructions"),
    Variable("XLA_FLAGS", "warning", str.strip,
             "options of XLA, which some frameworks compile with and others do not"),
    Variable("CUDA_LAUNCH_BLOCKING", "warning", lambda value: value != "0",
             "every operation on a GPU is then waited for: nothing timed is worth anything"),
    Variable("OMP_WAIT_POLICY", "warning", lambda value: value.upper() == "ACTIVE",
             "threads of one framework then wait spinning, while another has its turn"),
    Variable("LD_PRELOAD", "warning", str.strip,
             "another library, such as an allocator, comes before those that frameworks expect"),
)  # fmt: skip


def check_variables(
    names: Iterable[str], environment: Mapping[str, str] = os.environ
) -> Iterator[Check]:
    """Those that are set, of all and of the backends `names`; values are shown, but for passwords
    in addresses."""
    of_backends = [variable for name in names for variable in backends.variables(name)]
    for variable in (*VARIABLES, *of_backends):
        value = environment.get(variable.name, "")
        if value and variable.matters(value):
            found = f"{value[:100]}: {variable.why}"
            yield Check(variable.name, variable.state, found, f"unset {variable.name}")
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


def check_settings(file: SettingsFile) -> Check:
    """The user's settings of a framework, which it follows whoever imports it."""
    name, path, fix = file.title, file.path, f"remove {file.path}: it is written anew"
    try:
        check_file(path, LARGEST_FILE)
        settings = parse_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ok(name, "its own")
    except (OSError, ValueError):
        return Check(name, "warning", f"{path}: cannot be read", fix)
    if not isinstance(settings, dict):
        return Check(name, "warning", f"{path}: no settings in it", fix)
    changes = [
        f"{key} {shown(settings[key])}"
        for key, value in file.expected.items()
        if settings.get(key, value) != value
    ]
    if changes:
        found = f"{path}: {', '.join(changes)}, which changes the networks"
        return Check(name, "problem", found, fix)
    return ok(name, str(path))
