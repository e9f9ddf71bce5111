"""`cyclebench models`, `translate`, `score`, `export`: networks, and what trained ones make."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from harness.cli import options as shared
from harness.config.presets import DEFAULT
from harness.system.untrusted import printable

INTERRUPTED = 130


def add_models(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "models",
        help="layers, shapes, parameters, FLOPs and receptive fields of a preset's networks",
        epilog="example: cyclebench models --preset domainnet-unet --set model.depth=7",
    )
    command.set_defaults(command=run_models)
    shared.add(command, "--preset", "--set", "--json")


def run_models(options: argparse.Namespace) -> int:
    from rich.table import Table

    from harness.config.load import load_experiment
    from harness.system.terminal_tables import show
    from harness.tools.layer_table import as_json, network_rows

    experiment = load_experiment(None, options.preset or DEFAULT, options.overrides)
    networks = network_rows(experiment.networks())
    if options.json:
        shared.print_json({"networks": [as_json(network) for network in networks]})
        return 0
    console = shared.table_console(options)
    for network in networks:
        table = Table(
            title=network.title,
            caption=f"{network.parameters:,} parameters, {network.flops / 1e9:,.3f} GFLOP an image",
            title_justify="left",
            caption_justify="left",
        )
        for column in ("layer", "kind", "kernel", "stride", "padding", "norm", "output"):
            table.add_column(column)
        for column in ("parameters", "MFLOP", "sees"):
            table.add_column(column, justify="right")
        for row in network.rows:
            layer, norm = row.layer, row.layer.norm
            table.add_row(
                layer.name,
                layer.kind.replace("_", " ") + ("" if layer.bias else ", no bias"),
                f"{layer.kernel} x {layer.kernel}",
                str(layer.stride),
                "SAME" if layer.same else str(layer.padding),
                norm.kind + (", affine" if norm.affine else "") if norm else "-",
                " x ".join(str(side) for side in row.output),
                f"{row.parameters:,}",
                f"{row.flops / 1e6:,.1f}",
                f"{row.receptive_field} px",
            )
        show(table, console)
    return 0


def add_translate(commands: shared.Commands) -> None:
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
    command.set_defaults(command=run_translate)
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
        "--backend", type=shared.name_or_none, help="any will do (default: the one that trained it)"
    )
    command.add_argument(
        "--size",
        type=lambda text: None if text == "keep" else shared.count(text),
        metavar="keep|N",
        help="keep (default), or pixels of a side, resized to a square as in training",
    )
    command.add_argument(
        "--format", choices=("png", "jpeg"), default="png", help="to write (default: png)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace what is in OUT")
    shared.add(command, "--device")
    shared.add_progress(command)
    shared.add(command, "--json")


def run_translate(options: argparse.Namespace) -> int:
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
                "left_out": [
                    {"name": file.name, "problem": file.problem} for file in done.left_out
                ],
            }
        )
        return 0
    images = "1 image" if done.images == 1 else f"{done.images} images"
    way = done.trained.described(done.direction)
    print(f"{images} -> {printable(str(options.to))} ({way}, by {done.backend})")
    if done.left_out:
        first = printable(f"{done.left_out[0].name}, {done.left_out[0].problem}")
        print(f"Left out: {len(done.left_out)} that are no images (the first: {first})")
    return 0


def add_score(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "score",
        help="score a trained or imported model on a data set's test images",
        description="The metrics of a report, with intervals of other test images, for the"
        " directions that the model has. Images have the size that the model was trained at.",
        epilog="example: cyclebench score models/horse2zebra --dataset horse2zebra --to x.json",
    )
    command.set_defaults(command=run_score)
    command.add_argument(
        "model", type=shared.path, metavar="MODEL", help="a run's folder, or a model folder"
    )
    command.add_argument(
        "--dataset", type=shared.text_or_none, required=True, help="name or folder"
    )
    command.add_argument(
        "--beside", type=shared.path, metavar="MODEL", help="another one, to compare with"
    )
    shared.add(command, "--data-dir")
    command.add_argument(
        "--direction", default="both", help="ab, ba, both, or titles as summer2winter (both)"
    )
    command.add_argument(
        "--backend", type=shared.name_or_none, help="to translate with (the one that trained it)"
    )
    shared.add(command, "--device")
    command.add_argument("--to", type=shared.path, metavar="FILE.json", help="also written there")
    command.add_argument("--overwrite", action="store_true", help="replace FILE.json")
    shared.add_progress(command)
    shared.add(command, "--json")


def run_score(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from harness.tools.translate.score import ScoreRequest, score
    from harness.tools.translate.score_table import print_scores

    request = ScoreRequest(
        model=options.model,
        dataset=options.dataset or "",
        beside=options.beside,
        data_dir=options.data_dir,
        direction=options.direction,
        backend=options.backend,
        device=options.device,
        to=options.to,
        overwrite=options.overwrite,
    )
    with shared.display(options) as display:
        scores = score(request, display)
    if options.json:
        shared.print_json(scores.document)
        return 0
    print_scores(scores, shared.table_console(options))
    if options.to is not None:
        print(f"Scores: {printable(str(options.to))}")
    return 0


def add_export(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "export",
        help="write trained generators as ONNX and safetensors, checked",
        description="ONNX: float32, images NCHW in [-1, 1], of any size the network takes; kept"
        " only if onnxruntime makes of test images what the backend that trained it makes of them."
        " safetensors: a model folder, which `translate` reads.",
        epilog="example: cyclebench export results/seasons-quick-0123456789/runs/cpu/torch-seed0"
        " --to winter. The exit status is 1 if onnxruntime makes something else.",
    )
    command.set_defaults(command=run_export)
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
    shared.add(command, "--json")


def run_export(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from harness.tools.translate.export import FORMATS, TOLERANCE, ExportRequest, as_json, export

    formats = options.format or FORMATS
    request = ExportRequest(
        options.model, options.to, options.direction, formats, options.overwrite
    )
    with shared.display(options) as display:
        exported = export(request, display.say)
    ok = all(model.reproduced.ok for model in exported)
    if options.json:
        written = str(options.to) if ok else None
        models = [as_json(model) for model in exported]
        shared.print_json({"folder": written, "ok": ok, "onnx": models})
        return 0 if ok else 1
    for model in exported:
        compared = model.reproduced
        verdict = "reproduced" if compared.ok else "NOT reproduced"
        shared.print_more(
            options,
            f"{model.file.name} ({model.way}): {verdict} by onnxruntime; outputs in [-1, 1] differ"
            f" from {model.backend}'s by at most {compared.max_difference:.2g} (allowed:"
            f" {TOLERANCE:g}), {compared.equal_pixels:.4%} of pixels are equal;"
            f" {compared.images} images ({compared.of})",
        )
    if not ok:
        print("Nothing was written")
        return 1
    print(f"{' and '.join(formats)} -> {printable(str(options.to))}")
    return 0
