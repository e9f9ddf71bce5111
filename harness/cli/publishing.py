"""`cyclebench publish`: a site of everything that was measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli import options as shared
from harness.system.errors import UserError
from harness.system.untrusted import printable


def add_publish(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "publish",
        help="write a site of measurements: an index, a page a device, one across devices",
        epilog="example: cyclebench publish results docs/records --to site. The site needs no"
        " server and fetches nothing: open site/index.html. A contributor's file is checked with"
        " cyclebench publish --check docs/records/DEVICE/NAME.json",
    )
    command.set_defaults(command=run_publish)
    command.add_argument(
        "sources",
        nargs="*",
        type=shared.path,
        metavar="RESULTS",
        help="experiment folders, bench records, entries as JSON, histories (.jsonl), and folders"
        " that contain them",
    )
    command.add_argument(
        "--to",
        type=lambda text: shared.path(text or "site"),
        default=Path("site"),
        help="folder of the site, replaced as a whole (default: site)",
    )
    command.add_argument(
        "--check", action="store_true", help="check the files that are named, write nothing"
    )
    shared.add(command, "--json")


def run_publish(options: argparse.Namespace) -> int:
    from harness.report.formatting import plural
    from harness.studies.history.find import find
    from harness.studies.site.write import check_target, write_site

    if options.check:
        return _check(options)
    check_target(options.to)
    found = find(options.sources)
    written = write_site(found, options.to)
    devices = {entry.machine.device for entry in found.entries}
    if options.json:
        shared.print_json(
            {
                "site": str(written.index),
                "entries": len(found.every),
                "devices": sorted(devices),
                "pages": written.pages,
                "passed_over": [*found.passed_over, *written.left_out],
            }
        )
        return 0
    for line in (*found.passed_over, *written.left_out):
        print(printable(f"Passed over: {line}"))
    counts = f"{plural(len(found.every), 'measurement')}, {plural(len(devices), 'device')}"
    print(f"Site: {printable(str(written.index))} ({counts}, {plural(written.pages, 'page')})")
    return 0


def _check(options: argparse.Namespace) -> int:
    from harness.report.formatting import plural
    from harness.studies.history.find import read_entries

    if not options.sources:
        raise UserError("publish --check: name files to check")
    counts = {str(path): len(read_entries(path)) for path in options.sources}
    if options.json:
        shared.print_json({"files": counts})
        return 0
    for name, count in counts.items():
        print(f"{printable(name)}: {plural(count, 'measurement')}, nothing wrong")
    return 0
