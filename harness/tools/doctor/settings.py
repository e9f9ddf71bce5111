"""Settings outside this program that change what is computed, or how fast.

They are variables of the environment, and Keras's file, which it reads when it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from harness.data.connection import check_url
from harness.data.fetch import MIRROR_VARIABLE
from harness.metrics.weights import OFFLINE_VARIABLE
from harness.system.errors import UserError
from harness.system.untrusted import check_file, parse_json, shown
from harness.tools.doctor.check import Check, State, ok

THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)  # fmt: skip
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
CUDA_FILES = ("libcudnn*", "libcublas*", "libcudart*", "libnccl*")
LARGEST_KERAS_FILE = 2**16  # bytes
# What networks are built with; a backend states all else itself.
KERAS_EXPECTED = {
    "backend": "tensorflow", "floatx": "float32", "image_data_format": "channels_last",
}  # fmt: skip
# Variables that matter where the condition holds of their value: how much, and why.
RISKY: tuple[tuple[str, State, Callable[[str], object], str], ...] = (
    ("KERAS_BACKEND", "problem", lambda value: value != "tensorflow",
     "Keras would compute with another framework than TensorFlow"),
    ("NVIDIA_TF32_OVERRIDE", "warning", str.strip,
     "CUDA libraries then use TF32 or not whatever runtime.tf32 says"),
    ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "warning", lambda value: value == "1",
     "PyTorch then begins with TF32, though runtime.tf32 says what is used in training"),
    ("ONEDNN_DEFAULT_FPMATH_MODE", "warning", lambda value: value.upper() != "STRICT",
     "oneDNN may then round float32 to fewer bits, in either framework"),
    ("ONEDNN_MAX_CPU_ISA", "warning", lambda value: value.upper() not in ("DEFAULT", "ALL"),
     "oneDNN is then kept from the processor's faster instructions"),
    ("ATEN_CPU_CAPABILITY", "warning", str.strip,
     "PyTorch is then kept from the processor's faster instructions, TensorFlow is not"),
    ("TF_XLA_FLAGS", "warning", str.strip,
     "XLA may then compile what runtime.compile leaves alone, in TensorFlow only"),
    ("XLA_FLAGS", "warning", str.strip,
     "options of XLA, which TensorFlow alone takes"),
    ("CUDA_LAUNCH_BLOCKING", "warning", lambda value: value != "0",
     "every operation on a GPU is then waited for: nothing timed is worth anything"),
    ("TORCHDYNAMO_DISABLE", "warning", lambda value: value != "0",
     "runtime.compile then does nothing in PyTorch"),
    ("OMP_WAIT_POLICY", "warning", lambda value: value.upper() == "ACTIVE",
     "threads of one framework then wait spinning, while the other has its turn"),
    ("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "warning", lambda value: value == "python",
     "protobuf is then slow, and not what TensorFlow is tested with"),
    ("LD_PRELOAD", "warning", str.strip,
     "another library, such as an allocator, comes before those that frameworks expect"),
)  # fmt: skip


def check_variables(environment: Mapping[str, str] = os.environ) -> Iterator[Check]:
    """Those that are set; values are shown, but for passwords in addresses."""
    for name, state, matters, why in RISKY:
        value = environment.get(name, "")
        if value and matters(value):
            yield Check(name, state, f"{value[:100]}: {why}", f"unset {name}")
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


def keras_file() -> Path:
    home = os.environ.get("KERAS_HOME")
    return Path(home or os.path.expanduser("~/.keras")) / "keras.json"  # noqa: PTH111


def check_keras(file: Path) -> Check:
    """The user's settings of Keras, which it follows whoever imports it."""
    name, fix = "Keras's settings", f"remove {file}: Keras writes it anew"
    try:
        check_file(file, LARGEST_KERAS_FILE)
        settings = parse_json(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ok(name, "its own")
    except (OSError, ValueError):
        return Check(name, "warning", f"{file}: cannot be read", fix)
    if not isinstance(settings, dict):
        return Check(name, "warning", f"{file}: no settings in it", fix)
    changes = [
        f"{key} {shown(settings[key])}"
        for key, value in KERAS_EXPECTED.items()
        if settings.get(key, value) != value
    ]
    if changes:
        found = f"{file}: {', '.join(changes)}, which changes the networks"
        return Check(name, "problem", found, fix)
    return ok(name, str(file))
