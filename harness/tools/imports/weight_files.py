"""The files of weights in a folder, and which network each is by its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.system.errors import UserError
from harness.system.untrusted import is_file, is_folder, shown
from harness.tools.imports.codes import AUTHORS, CODES, LONE, LYNNHO, NetworkCode

TORCH = (".pth", ".pt")
KERAS = (".h5", ".hdf5", ".keras")
CHECKPOINT = ".index"  # of TensorFlow 2, beside its .data-... files
LATEST = "latest"

Named = tuple[
    Path, NetworkCode | None, str
]  # a file, the code whose names it has, its network there


def weight_files(paths: Sequence[Path], epoch: str, notes: list[str]) -> Iterator[Named]:
    """Of folders those of `epoch`. Raises UserError that says what there is and what would do."""
    for path in paths:
        if is_folder(path):
            yield from _in_folder(path, epoch, notes)
        elif not is_file(path):
            raise UserError(
                f"{path}: no such file or folder; name a .pth file, or a folder of some"
            )
        else:
            code, network, _ = _named(path)
            yield path, code, network


def _named(path: Path) -> tuple[NetworkCode | None, str, str | None]:
    """The code whose names the file has, its network, its epoch."""
    codes = CODES if path.suffix.lower() in TORCH else (LYNNHO,)
    for code in codes:
        if match := code.pattern.fullmatch(path.stem):
            return code, match["network"], match["epoch"]
    return None, "", None


def _in_folder(folder: Path, epoch: str, notes: list[str]) -> Iterator[Named]:
    files = _listed(folder, TORCH)
    named = [(file, *_named(file)) for file in files]
    known = [(file, code, network, of) for file, code, network, of in named if code is not None]
    codes = {code.title: code for _, code, _, _ in known}
    if len(codes) > 1:
        raise UserError(f"{folder}: files of {' and of '.join(codes)}; name those of one of them")
    epochs = sorted({of for *_, network, of in known if of and network.startswith("G")}, key=_late)
    numbered = AUTHORS.title not in codes and all(map(str.isdecimal, epochs))
    if epoch == LATEST and epochs and numbered:
        epoch = epochs[-1]
        if len(epochs) > 1:
            notes.append(f"Of {len(epochs)} epochs the last is taken: {epoch}.")
    taken = [row for row in known if row[3] in (None, epoch)]
    generators = [row for row in taken if row[2].startswith("G")]
    if len(generators) > 1:
        # `--model test` wants one of them copied to this name.
        for row in [row for row in generators if row[2] == LONE]:
            taken.remove(row)
            notes.append(f"{row[0].name} is left out: generators are there by their names.")
    if generators:
        yield from ((file, code, network) for file, code, network, _ in taken)
    elif len(files) == 1 and not known:
        yield files[0], None, ""
    elif not files and (keras := _of_keras(folder, epoch)):
        yield from keras
    else:
        raise _nothing(folder, epoch, epochs, [file.name for file in files])


def _of_keras(folder: Path, epoch: str) -> list[Named]:
    """The checkpoint of an epoch, else files called as networks are, else the only one."""
    checkpoints = _listed(folder, (CHECKPOINT,))
    if epoch == LATEST:
        checkpoints = sorted(checkpoints, key=lambda path: _late(path.stem))[-1:]
    else:
        checkpoints = [path for path in checkpoints if path.stem.endswith(f"-{epoch}")]
    files = _listed(folder, KERAS)
    named = [(file, *_named(file)[:2]) for file in files if _named(file)[0]]
    alone: list[Named] = [(file, None, "") for file in files] if len(files) == 1 else []
    return [(path, LYNNHO, "") for path in checkpoints] or named or alone


def _late(epoch: str) -> tuple[int, str]:
    return len(epoch), epoch


def _listed(folder: Path, endings: Sequence[str], pattern: str = "*") -> list[Path]:
    try:
        paths = sorted(folder.glob(pattern))
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be listed ({error.strerror}); check its rights"
        ) from None
    return [path for path in paths
            if path.suffix.lower() in endings and not path.name.startswith(".")]  # fmt: skip


def _nothing(folder: Path, epoch: str, epochs: list[str], files: list[str]) -> UserError:
    if epochs:
        return UserError(
            f"{folder / f'{epoch}_net_G_A.pth'}: no such file, nor another generator of that"
            f" epoch; --epoch {epochs[-1]} is there"
        )
    seen = f"there are {', '.join(map(shown, files[:6]))}" if files else "there is no .pth file"
    if keras := _listed(folder, (*KERAS, CHECKPOINT)):
        seen += f" but {', '.join(shown(file.name) for file in keras[:6])}"
    if below := _listed(folder, TORCH, "*/*"):
        seen += f", but some in {below[0].parent}"
    return UserError(
        f"{folder}: {seen}; name a file of one generator, or a folder with"
        f" {epoch}_net_G_A.pth, {epoch}_net_G.pth or netG_A2B.pth"
    )
