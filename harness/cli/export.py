"""`cyclebench export`: a trained generator for other programs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli import options as shared
from harness.system.untrusted import printable

if TYPE_CHECKING:
    from harness.tools.translate.export import ExportedModel


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "export",
        help="write trained generators as ONNX and safetensors, checked",
        description="ONNX: float32, images NCHW in [-1, 1], of any size the network takes; kept"
        " only if onnxruntime makes of test images what the backend that trained it makes of them."
        " safetensors: a model folder, which `translate` reads.",
        epilog="example: cyclebench export results/seasons-quick-0123456789/runs/cpu/torch-seed0"
        " --to winter. The exit status is 1 if onnxruntime makes something else.",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "model", type=Path, metavar="RUN", help="a run's folder, or a model folder"
    )
    command.add_argument("--to", type=Path, required=True, metavar="OUT", help="folder")
    command.add_argument(
        "--direction", default="both", help="ab, ba, both, or titles as summer2winter (both)"
    )
    command.add_argument(
        "--format",
        type=shared.names_or_none,
        default=("onnx", "safetensors"),
        help="onnx,safetensors (default: both)",
    )
    command.add_argument("--overwrite", action="store_true", help="replace what is in OUT")
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from harness.tools.translate.export import FORMATS, ExportRequest, as_json, export

    formats = options.format or FORMATS
    request = ExportRequest(
        options.model, options.to, options.direction, formats, options.overwrite
    )
    with shared.display(options) as display:
        found = export(request, display.say)
    ok = all(each.reproduced.ok for each in found)
    if options.json:
        written = str(options.to) if ok else None
        shared.print_json({"folder": written, "ok": ok, "onnx": [as_json(each) for each in found]})
        return 0 if ok else 1
    for each in found:
        shared.print_more(options, _line(each))
    if not ok:
        print("Nothing was written")
        return 1
    print(f"{' and '.join(formats)} -> {printable(str(options.to))}")
    return 0


def _line(each: ExportedModel) -> str:
    from harness.tools.translate.export import TOLERANCE

    made = each.reproduced
    verdict = "reproduced" if made.ok else "NOT reproduced"
    return (
        f"{each.file.name} ({each.way}): {verdict} by onnxruntime; outputs in [-1, 1] differ from"
        f" {each.backend}'s by at most {made.max_difference:.2g} (allowed: {TOLERANCE:g}),"
        f" {made.equal_pixels:.4%} of pixels are equal; {made.images} images ({made.of})"
    )
