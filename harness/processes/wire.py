"""Values that go to and from a backend in another process: JSON, and arrays as safetensors.

Never pickle: whatever the other side sends, only the types below come out.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from backends.architecture import DiscriminatorSpec, NormSpec, ResNetSpec, UNetSpec
from backends.gan import GanBatch, GanModel, GanObjective
from backends.interface import Batch, PeakMemory, Peaks, PoolDecision, Runtime
from backends.model import Model
from backends.objective import Objective

TYPES: dict[str, Any] = {
    type_.__name__: type_
    for type_ in (
        Batch, DiscriminatorSpec, GanBatch, GanModel, GanObjective, Model, NormSpec, Objective,
        PeakMemory, Peaks, PoolDecision, ResNetSpec, Runtime, UNetSpec,
    )
}  # fmt: skip


def pack(value: object) -> tuple[Any, bytes]:
    """A value as JSON and the bytes of its arrays.

    Takes None, booleans, numbers, texts, paths, lists, tuples, dictionaries with texts as keys,
    NumPy arrays, and TYPES. Raises TypeError for anything else.
    """
    arrays: dict[str, np.ndarray] = {}
    packed = _pack(value, arrays)
    return packed, save(arrays) if arrays else b""


def unpack(packed: Any, content: bytes) -> Any:
    """The inverse. Tuples stay tuples, arrays keep dtype and shape; they are the caller's own."""
    return _unpack(packed, load(content) if content else {})


def _pack(value: object, arrays: dict[str, np.ndarray]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"an array of {value.dtype} cannot go to another process")
        name = str(len(arrays))
        arrays[name] = np.array(value, order="C")
        return {"array": name}
    if type(value).__name__ in TYPES:
        names = [field.name for field in fields(value)] if is_dataclass(value) else value._fields  # type: ignore[attr-defined]
        packed = {name: _pack(getattr(value, name), arrays) for name in names}
        return {"type": type(value).__name__, "fields": packed}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_pack(item, arrays) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _pack(item, arrays) for key, item in value.items()}}
    raise TypeError(f"a {type(value).__name__} cannot go to another process")


def _unpack(packed: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(packed, dict):
        return packed
    if "array" in packed:
        return arrays[packed["array"]].copy()  # what safetensors gives cannot be written to
    if "path" in packed:
        return Path(packed["path"])
    if "type" in packed:
        values = {name: _unpack(value, arrays) for name, value in packed["fields"].items()}
        return TYPES[packed["type"]](**values)
    if "dict" in packed:
        return {key: _unpack(item, arrays) for key, item in packed["dict"].items()}
    if "list" in packed:
        return [_unpack(item, arrays) for item in packed["list"]]
    return tuple(_unpack(item, arrays) for item in packed["tuple"])
