"""Variables of the environment that change what is computed, or how fast."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harness.data.connection import check_url
from harness.data.fetch import MIRROR_VARIABLE
from harness.metrics.weights import OFFLINE_VARIABLE
from harness.system.errors import UserError
from harness.tools.doctor.check import Check, State, ok

THREADS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)  # fmt: skip
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
CUDA_FILES = ("libcudnn*", "libcublas*", "libcudart*", "libnccl*")


@dataclass(frozen=True)
class Known:
    """A variable that matters where `when` holds of its value: `why`, and how much."""

    name: str
    state: State
    when: Callable[[str], bool]
    why: str


def _any(value: str) -> bool:
    return bool(value.strip())


KNOWN = (
    Known("KERAS_BACKEND", "problem", lambda value: value != "tensorflow",
          "Keras would compute with another framework than TensorFlow"),
    Known("NVIDIA_TF32_OVERRIDE", "warning", _any,
          "CUDA libraries then use TF32 or not whatever runtime.tf32 says"),
    Known("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "warning", lambda value: value == "1",
          "PyTorch then begins with TF32, though runtime.tf32 says what is used in training"),
    Known("ONEDNN_DEFAULT_FPMATH_MODE", "warning", lambda value: value.upper() != "STRICT",
          "oneDNN may then round float32 to fewer bits, in either framework"),
    Known("ONEDNN_MAX_CPU_ISA", "warning", lambda value: value.upper() not in ("DEFAULT", "ALL"),
          "oneDNN is then kept from the processor's faster instructions"),
    Known("ATEN_CPU_CAPABILITY", "warning", _any,
          "PyTorch is then kept from the processor's faster instructions, TensorFlow is not"),
    Known("TF_XLA_FLAGS", "warning", _any,
          "XLA may then compile what runtime.compile leaves alone, in TensorFlow only"),
    Known("XLA_FLAGS", "warning", _any,
          "options of XLA, which TensorFlow alone takes"),
    Known("CUDA_LAUNCH_BLOCKING", "warning", lambda value: value != "0",
          "every operation on a GPU is then waited for: nothing timed is worth anything"),
    Known("TORCHDYNAMO_DISABLE", "warning", lambda value: value != "0",
          "runtime.compile then does nothing in PyTorch"),
    Known("OMP_WAIT_POLICY", "warning", lambda value: value.upper() == "ACTIVE",
          "threads of one framework then wait spinning, while the other has its turn"),
    Known("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "warning", lambda value: value == "python",
          "protobuf is then slow, and not what TensorFlow is tested with"),
    Known("LD_PRELOAD", "warning", _any,
          "another library, such as an allocator, comes before those that frameworks expect"),
)  # fmt: skip


def check_variables(environment: Mapping[str, str] = os.environ) -> Iterator[Check]:
    """Those that are set; values are shown, but for passwords in addresses."""
    for known in KNOWN:
        value = environment.get(known.name, "")
        if value and known.when(value):
            found = f"{value[:100]}: {known.why}"
            yield Check(known.name, known.state, found, f"unset {known.name}")
    yield check_threads(environment)
    yield check_libraries(environment)
    yield from check_network(environment)


def check_threads(environment: Mapping[str, str]) -> Check:
    given = [f"{name}={environment[name]}" for name in THREADS if environment.get(name)]
    if not given:
        return ok("thread settings", "none in the environment")
    found = f"{', '.join(given)}: backends are given their threads and ignore it, scoring does not"
    return Check("thread settings", "warning", found, "unset them")


def check_libraries(environment: Mapping[str, str]) -> Check:
    """CUDA of the system on the way of the linker, before the libraries that pip installed."""
    folders = [each for each in environment.get("LD_LIBRARY_PATH", "").split(":") if each]
    found = [each for each in folders if any(any(Path(each).glob(n)) for n in CUDA_FILES)]
    if not found:
        return ok("LD_LIBRARY_PATH", "no CUDA libraries there")
    said = f"{', '.join(found)}: CUDA libraries there are taken in place of those installed by pip"
    return Check("LD_LIBRARY_PATH", "warning", said, "unset LD_LIBRARY_PATH")


def check_network(environment: Mapping[str, str]) -> Iterator[Check]:
    mirror, offline = environment.get(MIRROR_VARIABLE), environment.get(OFFLINE_VARIABLE)
    if mirror:
        try:
            check_url(mirror)
            yield ok(MIRROR_VARIABLE, f"downloads come from {host(mirror)}")
        except UserError as error:
            yield Check(MIRROR_VARIABLE, "problem", str(error), f"unset or mend {MIRROR_VARIABLE}")
    if offline:
        yield ok(OFFLINE_VARIABLE, "set: the Inception weights are not downloaded")
    given = {name: environment.get(name) or environment.get(name.upper()) for name in PROXIES}
    said = ", ".join(f"{name} {host(value)}" for name, value in given.items() if value)
    yield ok("proxies", said or "none")


def host(address: str) -> str:
    """Of an address, without user and password."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname or "(no host)"
    except ValueError:
        return "(no address)"
