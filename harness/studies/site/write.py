"""A site's folder, replaced as a whole: built beside it, then two renames."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.report.render import page_html
from harness.studies.history.find import SITE, Found
from harness.studies.site.pages import HISTORY, INDEX, make_pages
from harness.studies.site.reports import copy_reports
from harness.system.errors import UserError
from harness.system.files import PARTIAL, read_json, write_bytes, write_json
from harness.system.lock import is_locked, locked

KIND = "site"
OLD = f".old{PARTIAL}"


@dataclass(frozen=True)
class Written:
    """`index`: its page. `left_out`: why reports were not copied, a line each."""

    index: Path
    pages: int
    left_out: tuple[str, ...]


def write_site(found: Found, to: Path) -> Written:
    """Raises UserError where `to` is anything but a site, or not there.

    The same entries give the same bytes.
    """
    to = to.resolve()
    _recover(to)
    check_target(to)
    with _beside(to) as folder:
        reports, left_out = copy_reports(found.every, folder)
        made = make_pages(found.entries, reports)
        for page in made:
            write_bytes(folder / page.file, page_html(page.page, page.figures).encode())
        lines = "".join(f"{entry.line()}\n" for entry in found.entries)
        write_bytes(folder / HISTORY, lines.encode())
        write_json(folder / SITE, {"kind": KIND, "entries": len(found.entries), "pages": len(made)})
    return Written(to / INDEX, len(made), tuple(left_out))


def check_target(to: Path) -> None:
    """Raises UserError for a file, and for a folder of something else."""
    if not to.exists():
        return
    if not to.is_dir():
        raise UserError(f"{to}: is a file; name a folder for the site")
    if not (to / SITE).is_file():
        if any(to.iterdir()):
            raise UserError(f"{to}: not a site (no {SITE} in it); name another folder")
    elif read_json(to / SITE).get("kind") != KIND:
        raise UserError(f"{to / SITE}: kind: not of a site; name another folder")


@contextmanager
def _beside(to: Path) -> Iterator[Path]:
    """A new folder that takes the place of `to` if the block ends well, and is gone if not."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_prefix(to), suffix=PARTIAL, dir=to.parent))
    except OSError as error:
        raise UserError(f"{to}: cannot write there ({error.strerror}); name another") from None
    try:
        with locked(folder):
            yield folder
            (folder / ".lock").unlink()
            folder.chmod(0o755)
            before = folder.with_name(folder.name.removesuffix(PARTIAL) + OLD)
            with suppress(FileNotFoundError):
                to.rename(before)
            folder.rename(to)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(before, ignore_errors=True)


def _recover(to: Path) -> None:
    """Put back a site that a killed process has moved away; remove what else such ones left."""
    siblings = list(to.parent.iterdir()) if to.parent.is_dir() else []
    for path in siblings:
        ours = path.name.startswith(_prefix(to)) and path.name.endswith(PARTIAL)
        if not ours or is_locked(path):
            continue
        if path.name.endswith(OLD) and (path / SITE).is_file() and not to.exists():
            path.rename(to)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _prefix(to: Path) -> str:
    return f".{to.name}."
