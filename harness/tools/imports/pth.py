"""PyTorch's own files of tensors, read without running anything that is in them."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from harness.system.errors import UserError
from harness.system.files import replacing
from harness.system.untrusted import check_file, reason, shown

MOST = 4 * 2**30  # bytes
PARALLEL = "module."  # which DataParallel puts in front of every name
METADATA = "_metadata"


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Name -> array, float32 or an integer type, as PyTorch lays them out.

    `module.` is removed where all names begin with it. Raises UserError for whatever is not a file
    of tensors by name, or has more in it.
    """
    try:
        check_file(path, MOST)
        # PyTorch compresses nothing: what is compressed may unpack to any size.
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                members = file.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("compressed, which PyTorch never does")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a file of another kind makes a parser raise
        raise _refused(path, reason(error)) from None
    if not isinstance(content, Mapping):
        raise _refused(path, f"a {type(content).__name__}, not tensors by name")
    tensors = {name: value for name, value in content.items() if name != METADATA}
    if not tensors:
        raise _refused(path, "nothing in it")
    for name, tensor in tensors.items():
        _check_tensor(path, name, tensor)
    start = len(PARALLEL) if all(name.startswith(PARALLEL) for name in tensors) else 0
    return {name[start:]: tensor.detach().numpy() for name, tensor in tensors.items()}


def write_tensors(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """The inverse, in one step. Raises OSError."""
    tensors = OrderedDict(
        (name, torch.from_numpy(np.array(array, order="C"))) for name, array in arrays.items()
    )
    with replacing(path) as temporary:
        torch.save(tensors, temporary)


def _check_tensor(path: Path, name: object, tensor: object) -> None:
    if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
        raise _refused(path, f"{shown(name)} is a {type(tensor).__name__}, not a tensor")
    plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    if not plain or tensor.is_quantized or tensor.dtype not in (torch.float32, torch.int64):
        kind = str(tensor.dtype).removeprefix("torch.")
        raise _refused(path, f"{shown(name)} is {kind}, expected plain float32")


def _refused(path: Path, problem: str) -> UserError:
    return UserError(f"{path}: no weights as that code saves them ({problem}); copy the file again")
