"""`cyclebench translate`: what a trained generator makes of images."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from harness.cli import options as shared
from harness.system.untrusted import printable

INTERRUPTED = 130


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "translate",
        help="translate images, files or folders, with a trained generator",
        description="Images keep their size, unless --size is given. A generator has only seen the"
        " size it was trained at: what is much larger or smaller in the picture may come out"
        " otherwise, and --size with that number gives what the report's translations are. Sides"
        " that the network cannot halve often enough are mirrored beyond the edge, and cut back."
        " Rotation marks of cameras (EXIF) are not followed, as in training.",
        epilog="example: cyclebench translate"
        " results/seasons-quick-0123456789/runs/cpu/torch-seed0 ~/photos --to ~/winter",
    )
    command.set_defaults(command=run)
    command.add_argument(
        "model", type=Path, metavar="RUN", help="a run's folder, or what `export` has written"
    )
    command.add_argument("pictures", type=Path, metavar="INPUT", help="an image, or a folder")
    command.add_argument(
        "--to", type=Path, required=True, metavar="OUT", help="folder; for one image also a file"
    )
    command.add_argument(
        "--direction", default="ab", help="ab, ba, or titles as summer2winter (default: ab)"
    )
    command.add_argument(
        "--backend", type=shared.text_or_none, help="any will do (default: the one that trained it)"
    )
    command.add_argument(
        "--size",
        type=_size,
        metavar="keep|N",
        help="keep (default), or pixels of a side, resized to a square as in training",
    )
    command.add_argument(
        "--format", choices=("png", "jpeg"), default="png", help="to write (default: png)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace what is in OUT")
    shared.add_device(command)
    shared.add_progress(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from harness.tools.translate.translate import TranslationRequest, translate

    request = TranslationRequest(
        model=options.model,
        pictures=options.pictures,
        to=options.to,
        direction=options.direction,
        backend=options.backend,
        size=options.size,
        device=options.device,
        kind=options.format,
        overwrite=options.overwrite,
    )
    try:
        with shared.display(options) as display:
            done = translate(request, display.stage)
    except KeyboardInterrupt:
        print("cyclebench: interrupted; begin again with --overwrite", file=sys.stderr)
        return INTERRUPTED
    if options.json:
        shared.print_json(
            {
                "folder": str(options.to),
                "images": done.images,
                "direction": done.direction,
                "backend": done.backend,
            }
        )
        return 0
    images = "1 image" if done.images == 1 else f"{done.images} images"
    way = done.trained.described(done.direction)
    print(f"{images} -> {printable(str(options.to))} ({way}, by {done.backend})")
    return 0


def _size(text: str) -> int | None:
    return None if text == "keep" else shared.count(text)
