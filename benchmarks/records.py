"""`make records`: a standard set of short benches, each of which becomes a line of a history.

For docs/records, and for whoever wants to know how a machine does at more than one setting. Each
bench starts all processes three times: enough for an interval, not for a narrow one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import cli
from harness.cli import options as shared
from harness.studies.history.file import append, is_history
from harness.studies.history.find import find
from harness.system.errors import UserError
from harness.system.machine import find_machine
from harness.system.provenance import slug

# One thing at a time is not as the preset has it.
SETTINGS = (
    "",
    "data.load_size=36 data.crop_size=32",
    "data.load_size=108 data.crop_size=96",
    "model.filters=8",
    "model.filters=32",
    "model.blocks=3",
    "model.upsampling=resize_conv",
    "model.generator=unet model.depth=6",
    "model.norm.kind=batch",
    "training.batch_size=4",
    "objective.identity=0",
    "objective.pool=none",
    "runtime.precision=bfloat16",
)
SHORT = ("--starts", "3", "--pairs", "10", "--block-seconds", "0.3", "--width", "0.25")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = cli.Parser(prog="python -m benchmarks.records", description=__doc__)
    parser.set_defaults(command=run)
    shared.add(parser, "--preset", "--backends", "--device", "--results")
    parser.add_argument("--to", type=shared.path_or_none, metavar="FILE", help="the history")
    parser.add_argument(
        "--only", type=shared.text_or_none, metavar="TEXT", help="settings that contain it"
    )
    return cli.main(arguments, parser)


def run(options: argparse.Namespace) -> int:
    """Status 1 where a bench failed; the others are kept."""
    machine = find_machine(options.device)
    folder = Path("docs/records") / slug(machine.device_name)
    file = options.to or folder / "benches.jsonl"
    if not is_history(file):
        raise UserError(f"--to {file}: name a file that ends in .jsonl")
    preset, failed = options.preset or "quick", []
    chosen = [one for one in SETTINGS if options.only is None or options.only in one]
    for number, setting in enumerate(chosen, 1):
        print(f"{number} of {len(chosen)}: {setting or 'as the preset has it'}", flush=True)
        command = [sys.executable, "-m", "harness.cli", "bench", "--quiet", *SHORT]
        command += ["--preset", preset, "--backends", ",".join(options.backends)]
        command += ["--device", machine.device, "--results", str(options.results)]
        if subprocess.run([*command, "--set", setting]).returncode:
            failed.append(setting)
            continue
        # At once: a set that is interrupted has kept what it measured.
        file.parent.mkdir(parents=True, exist_ok=True)
        append(file, find([options.results / "bench"]).entries)
    print(f"Records: {file}; {len(chosen) - len(failed)} of {len(chosen)} settings measured")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
