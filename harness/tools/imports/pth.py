"""PyTorch's own files of tensors, read without running anything that is in them.

What a file may hold: the tensors of a network by name; those of several, or of one among other
things, in dictionaries; a whole network with its classes, of which the tensors alone are taken.
"""

from __future__ import annotations

import zipfile
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.system.errors import UserError
from harness.system.files import replacing
from harness.system.untrusted import check_file, reason, shown

MOST = 4 * 2**30  # bytes
PARALLEL = "module."  # which DataParallel puts in front of every name
ROOTS = ("model", "net")  # of names within a network
METADATA = "_metadata"
DEEPEST, MOST_NETWORKS = 4, 64  # dictionaries in dictionaries; networks in a file
LONGEST_NAME = 256
# In which a number may be written that fits into float32, or is rounded to it.
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)

Tensors = dict[str, np.ndarray]


class Inert:
    """Stands for a class or function that a file names: keeps what it is given, does nothing."""

    of = ""

    def __new__(cls, *given: object, **named: object) -> Inert:
        return super().__new__(cls)

    def __init__(self, *given: object, **named: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            vars(self).update({str(key): value for key, value in state.items()})


def read_networks(path: Path) -> tuple[dict[str, Tensors], list[str]]:
    """Where in the file -> name -> array, float32 or int64, as PyTorch lays them out; sentences.

    "" is the file itself, "state_dict" and "models.G_A" are places in dictionaries. `module.` is
    removed where all names begin with it. The sentences say what was rounded to float32, and what
    was not read. Raises UserError for whatever has no tensors by name in it.
    """
    content = _load(path)
    notes = []
    if isinstance(content, Inert):
        notes.append(f"{path.name} is a whole network ({content.of}): its tensors alone are read.")
    found: dict[str, Tensors] = {}
    for place, tensors in _networks(content, ""):
        for part, of_part in _parts(tensors).items():
            label = ".".join(filter(None, (place, part)))
            kinds = Counter(_check_tensor(path, name, tensor) for name, tensor in of_part.items())
            found[label] = {name: _array(tensor) for name, tensor in of_part.items()}
            notes += [
                f"{path.name}: {count} tensors of {kind} are taken as float32."
                for kind, count in kinds.items()
                if kind not in ("float32", "int64")
            ]
        if len(found) > MOST_NETWORKS:
            raise _refused(path, f"more than {MOST_NETWORKS} networks in it")
    if not found:
        raise _nothing(path, content)
    return found, notes


def write_tensors(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Of one network, by name, in one step. Raises OSError."""
    tensors = OrderedDict(
        (name, torch.from_numpy(np.array(array, order="C"))) for name, array in arrays.items()
    )
    with replacing(path) as temporary:
        torch.save(tensors, temporary)


def _load(path: Path) -> Any:
    try:
        check_file(path, MOST)
        # PyTorch compresses nothing: what is compressed may unpack to any size.
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                members = file.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("compressed, which PyTorch never does")
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            if type(error).__name__ != "UnpicklingError" or not zipfile.is_zipfile(path):
                raise
        # Classes in it: PyTorch's own reader, which calls nothing but what is named here.
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        inert = [(type("Inert", (Inert,), {"of": shown(name)}), name) for name in names]
        with torch.serialization.safe_globals(inert):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a file of another kind makes a parser raise
        raise _refused(path, reason(error)) from None


def _networks(content: Any, place: str, depth: int = 0) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Where they are, and their tensors by name."""
    if isinstance(content, Inert):
        content = dict(_of_modules(content, ""))
    if not isinstance(content, Mapping) or depth > DEEPEST:
        return
    entries = {name: value for name, value in content.items() if name != METADATA}
    if any(isinstance(value, torch.Tensor) for value in entries.values()):
        # Below the top there are an optimiser's tensors, too: by number, or of no weight.
        if not depth or _is_network(entries):
            yield place, entries
        return
    for name, value in entries.items():
        if isinstance(name, str):
            below = f"{place}.{name}" if place else name
            yield from _networks(value, below, depth + 1)


def _is_network(entries: Mapping[Any, Any]) -> bool:
    return all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in entries.items()
    ) and any(name.endswith("weight") and value.ndim == 4 for name, value in entries.items())


def _of_modules(module: Inert, prefix: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Parameters and buffers by the names that `state_dict` would give them."""
    own = vars(module)
    for kind in ("_parameters", "_buffers"):
        held = own.get(kind)
        for name, value in held.items() if isinstance(held, dict) else ():
            if value is not None:
                yield f"{prefix}{name}", value
    inside = own.get("_modules")
    for name, value in inside.items() if isinstance(inside, dict) and depth < 64 else ():
        if isinstance(value, Inert):
            yield from _of_modules(value, f"{prefix}{name}.", depth + 1)


def _parts(tensors: Mapping[Any, Any]) -> dict[str, dict[Any, Any]]:
    """Network -> its tensors; "" where names do not begin with networks.

    As Lightning saves several: `G_A.model.1.weight`, `D_A.model.0.weight`; what else there is
    beside them, such as `loss.target`, is of no network.
    """
    names = list(tensors)
    if not all(isinstance(name, str) for name in names):
        return {"": dict(tensors)}
    start = len(PARALLEL) if all(name.startswith(PARALLEL) for name in names) else 0
    plain = {name[start:]: value for name, value in tensors.items()}
    parts: dict[str, dict[Any, Any]] = {}
    for name, value in plain.items():
        part, _, rest = name.partition(".")
        if part in ROOTS:
            return {"": plain}
        rest = rest.removeprefix(PARALLEL)
        if rest.partition(".")[0] in ROOTS:
            parts.setdefault(part, {})[rest] = value
    return parts or {"": plain}


def _check_tensor(path: Path, name: object, tensor: object) -> str:
    """Its type, in a word. Raises UserError for what is no plain tensor of numbers, by name."""
    if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
        raise _refused(path, f"{shown(name)} is a {type(tensor).__name__}, not a tensor")
    if len(name) > LONGEST_NAME:
        raise _refused(path, f"a tensor of the name {shown(name)}")
    kind = str(tensor.dtype).removeprefix("torch.")
    plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    if not plain or tensor.is_quantized or tensor.dtype not in (*FLOATS, torch.int64):
        raise _refused(path, f"{shown(name)} is {kind}, expected plain float32")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise _refused(path, f"{shown(name)} has shape {tuple(tensor.shape)}, more than is there")
    return kind


def _array(tensor: torch.Tensor) -> np.ndarray:
    whole = tensor.detach()
    return (whole if whole.dtype is torch.int64 else whole.to(torch.float32)).numpy()


def _nothing(path: Path, content: object) -> UserError:
    if isinstance(content, Inert):
        return _refused(path, f"an object of {content.of} without tensors")
    if not isinstance(content, Mapping):
        return _refused(path, f"a {type(content).__name__}, not tensors by name")
    if not content:
        return _refused(path, "nothing in it")
    kinds = ", ".join(
        f"{shown(name)} (a {type(value).__name__})" for name, value in list(content.items())[:6]
    )
    return _refused(path, f"no tensors by name: {kinds}")


def _refused(path: Path, problem: str) -> UserError:
    return UserError(
        f"{path}: no weights that are read here ({problem}); give what"
        " torch.save(network.state_dict(), FILE) writes"
    )
