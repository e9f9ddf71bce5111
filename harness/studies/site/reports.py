"""Reports that a site takes along: pages of this program, whose own policy lets nothing else run.

A site is often put on a server, where a strange page could do what its visitors may. The policy at
the top of a report names the digests of all scripts that a browser may run in it, and forbids
whatever is fetched. So it is enough to look at the policy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.report.render import script_hashes
from harness.studies.history.entry import digest
from harness.studies.history.find import FoundEntry
from harness.system.untrusted import check_file

FOLDER = "reports"
MOST = 20 * 10**6  # bytes of a report; larger ones stay where they are
SCRIPTS = ("vendor/uPlot.iife.min.js", "page.js", "filter.js", "viewer.js", "chart.js")
HEAD = re.compile(
    r'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    r'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    r'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
    r"style-src 'unsafe-inline'; script-src ([^\"<>;]*)\">\n"
)


def copy_reports(every: Sequence[FoundEntry], site: Path) -> tuple[dict[str, str], list[str]]:
    """Into the site's folder `reports`; returns file by identity, and why others were not copied.

    Raises OSError.
    """
    copied: dict[str, str] = {}
    left_out: list[str] = []
    names: dict[Path, str] = {}
    for each in every:
        if each.report is None:
            continue
        if each.report not in names:
            try:
                content = _checked(each.report)
            except (OSError, ValueError) as error:
                left_out.append(f"{each.report}: not copied ({error})")
                continue
            name = f"{FOLDER}/{digest(each.entry.identity)}.html"
            (site / FOLDER).mkdir(exist_ok=True)
            (site / name).write_bytes(content)
            names[each.report] = name
        copied[each.entry.identity] = names[each.report]
    return copied, left_out


def _checked(report: Path) -> bytes:
    """Raises ValueError for what is too large, or no report of this version; OSError."""
    check_file(report, MOST)
    content = report.read_bytes()
    head = HEAD.match(content[:4000].decode("utf-8", "replace"))
    known = set(str(script_hashes(SCRIPTS)).split())
    if head is None or not set(head[1].split()) <= known:
        raise ValueError(f"not a page of this version; `cyclebench report {report.parent}`")
    return content
