"""Every file below a folder: an image by its name, or left out with the reason."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.data.decode import EXTENSIONS
from harness.system.errors import UserError
from harness.system.untrusted import is_folder

# Of file managers and of network drives; some are folders of small copies of the images.
CLUTTER = frozenset({"thumbs.db", "desktop.ini", "@eadir", "__macosx", "lost+found"})
# What people take for images, and can turn into some.
CONVERTIBLE = frozenset({".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".psd", ".raw", ".dng"})


@dataclass(frozen=True)
class FileBelow:
    """A file below a folder: `name` is its path from there, with `/`.

    `problem` says why it is left out, None for one that is named as an image.
    """

    path: Path
    name: str
    problem: str | None = None


def files_below(folder: Path) -> list[FileBelow]:
    """All of them by name; none if there is no such folder.

    Folders that are links are not entered. Raises UserError for a folder that cannot be listed.
    """
    if not is_folder(folder):
        return []

    def refuse(error: OSError) -> None:
        raise UserError(
            f"{error.filename}: cannot be listed ({error.strerror}); check its rights"
        ) from None

    found: list[FileBelow] = []
    for parent, folders, files in os.walk(folder, onerror=refuse):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent) / name
            below = path.relative_to(folder).as_posix()
            found.append(FileBelow(path, below, _problem(path, below)))
    return sorted(found, key=lambda file: file.name)


def image_files(folder: Path) -> list[Path]:
    """Those in and below `folder` that are named as images, by name; as `files_below`."""
    return [file.path for file in files_below(folder) if file.problem is None]


def has_images(folder: Path) -> bool:
    """Whether there is an image in or below `folder`; stops at the first."""
    return any(
        is_image_name((Path(parent) / name).relative_to(folder).as_posix())
        for parent, _, files in os.walk(folder)
        for name in files
    )


def sub_folders(folder: Path) -> list[Path]:
    """The folders in `folder` that a user would see, by name.

    Raises UserError where it cannot be listed.
    """
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed ({error.strerror}); check it") from None
    return [path for path in paths if is_folder(path) and not is_clutter(path.name)]


def is_image_name(name: str) -> bool:
    """Whether the path `name` below a folder is taken for an image's."""
    return PurePosixPath(name).suffix.lower() in EXTENSIONS and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Whether the path `name` leads to or through what a user does not see."""
    return any(map(is_clutter, PurePosixPath(name).parts))


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or left there by a file manager."""
    return name.startswith(".") or name.lower() in CLUTTER


def _problem(path: Path, name: str) -> str | None:
    """Why the file is not taken for an image; `name` is its path from the split's folder."""
    *folders, last = PurePosixPath(name).parts
    if hidden := [folder for folder in folders if is_clutter(folder)]:
        return f"in the hidden folder {hidden[0]}"
    if is_clutter(last):
        return "hidden"
    if is_folder(path):
        return "a link to a folder; put the folder itself there"
    ending = path.suffix.lower()
    if ending not in EXTENSIONS:
        kind = f"{ending} files are not read" if ending else "a name without an ending"
        return f"{kind}; convert it to PNG" if ending in CONVERTIBLE else kind
    return None  # a broken link or a pipe is an unreadable image, not nothing
