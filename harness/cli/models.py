"""`cyclebench models`: the networks of a preset, layer by layer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from harness.cli import options as shared

if TYPE_CHECKING:
    from backends.architecture import Layer

TEXT = ("layer", "kind", "kernel", "stride", "padding", "norm", "output")
NUMBERS = ("parameters", "MFLOP", "sees")


def add(commands: shared.Commands) -> None:
    command = commands.add_parser(
        "models",
        help="layers, shapes, parameters, FLOPs and receptive fields of a preset's networks",
        epilog="example: cyclebench models --preset domainnet-unet --set model.depth=7",
    )
    command.set_defaults(command=run)
    shared.add_preset(command, "quick")
    shared.add_overrides(command)
    shared.add_json(command)


def run(options: argparse.Namespace) -> int:
    from rich.table import Table

    from harness.config.experiment import load_experiment
    from harness.system.terminal_tables import show
    from harness.tools.layer_table import as_json, network_rows

    experiment = load_experiment(None, options.preset or "quick", list(shared.overrides(options)))
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
        for column in TEXT:
            table.add_column(column)
        for column in NUMBERS:
            table.add_column(column, justify="right")
        for row in network.rows:
            table.add_row(
                *_described(row.layer),
                " x ".join(str(side) for side in row.output),
                f"{row.parameters:,}",
                f"{row.flops / 1e6:,.1f}",
                f"{row.receptive_field} px",
            )
        show(table, console)
    return 0


def _described(layer: Layer) -> tuple[str, ...]:
    kernel = f"{layer.kernel} x {layer.kernel}"
    padding = "SAME" if layer.same else str(layer.padding)
    norm = layer.norm.kind + (", affine" if layer.norm.affine else "") if layer.norm else "-"
    kind = layer.kind.replace("_", " ") + ("" if layer.bias else ", no bias")
    return (layer.name, kind, kernel, str(layer.stride), padding, norm)
