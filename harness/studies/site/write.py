"""A site's folder, replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.report.render import page_html
from harness.studies.history.find import SITE, Found
from harness.studies.site.pages import HISTORY, INDEX, make_pages
from harness.studies.site.reports import copy_reports
from harness.system.errors import UserError
from harness.system.files import read_json, write_bytes, write_json
from harness.system.folders import recover_folder, replacing_folder

KIND = "site"


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
    recover_folder(to)
    check_target(to)
    with replacing_folder(to, "name another") as folder:
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
