"""Sentences that explain a section of the page."""

from __future__ import annotations

from harness.report.formatting import listed, plural
from harness.studies.timing.page.entries import Entries

PHASE_TITLES = {
    "host": "host",
    "generators_forward": "generators, forward",
    "generators_backward": "generators, backward",
    "discriminators": "discriminators, both ways",
    "optimisers": "optimisers",
}
RESULTS = (
    "A step trains all four networks on one batch. Both backends were built on images of noise in "
    "processes of their own and timed in turns, block by block; the ratio is formed pair by pair, "
    "and its interval is a t interval of its logarithm over starts of both processes, since two "
    "processes of one program differ for as long as they live. Each interval stands for itself "
    "(95 %): of twenty, one or two may miss, since starts end once it is narrow. Steps here do not "
    "wait for data, which those of a training may. First and second: in the order in which the "
    "backends were named; of two numbers in a cell, the upper one is the first's. 95th pct.: the "
    "95th percentile of blocks."
)
DEVICES = (
    "Left: medians, and the span from the 5th to the 95th percentile of blocks. Right: 95 % "
    "intervals over starts, in the colour of who is faster; grey where they cover 1."
)
PHASES = (
    "Pieces were timed after the blocks, with a wait for the device behind each, which a step left "
    "alone (black line) does not have: work that could overlap does not, and a compiled step is "
    "cut up. So the pieces together take longer or shorter than it, by what the last row but one "
    "says, and the shares are those of the cut-up step. Host: what Python does around it, handing "
    "over the batch included. Differences have intervals over starts, which hold together at 95 % "
    "(Bonferroni)."
)
LIMITS = (
    "Counted from the architecture, not measured: operations (of convolutions only; a "
    "multiply-add is two) and the least traffic, as if every operation read its inputs and wrote "
    "its output once and no cache kept anything in between. Measured on the device, with each "
    "backend, at the end of the first two starts, in the precision of the run: a large matrix "
    "product, a 3x3 convolution of 256 channels, and (bytes, in float32) adding one large array to "
    "another; the roofs are the best of them, the least stands beside it. They are of large "
    "operations: layers with few channels need not be able to reach them. Real traffic is larger "
    "where an operation reads twice, smaller where a cache holds what is passed on: a share of the "
    "bandwidth is a scale, not a measurement."
)
ROOFLINE = (
    "Solid: what the device allows at an intensity (Williams et al. 2009); dashed: both peaks of "
    "arithmetic. Below the slope memory is the nearer limit, below the flat part arithmetic. "
    "Places along the axis are counted, heights are measured times over counted operations."
)
PIECES = "Both backends' pieces of a step; black: a step left alone."
BLOCKS = (
    "Every block in the order it was timed; dotted: both processes started anew; grey: warm-up, "
    "left out. Slow outliers are counted and never left out. Of a backend against itself, the "
    "second is hollow."
)


def about(entries: Entries) -> tuple[str, ...]:
    """What is on the page, a phrase each."""
    devices = len({entry.record.device for entry in entries.all})
    return (
        plural(devices, "device"),
        plural(len(entries.results), "result"),
        plural(len(entries.checks), "check") + " of a backend against itself",
    )


def energy(entries: Entries) -> str:
    sources = dict.fromkeys(
        f"{entry.record.energy_source} ({entry.record.device})"
        for entry in entries.results
        if entry.record.energy_source
        and any(side.joules_per_image is not None for side in entry.sides)
    )
    if not sources:
        return "Energy could be read on none of these devices."
    lag = (
        " NVML's counter lags by up to a tenth of a second, so a block's first tenth may be the "
        "other backend's: longer blocks (`--block-seconds`) blur it less."
        if any(source.startswith("NVML") for source in sources)
        else ""
    )
    return (
        f"Energy is what {listed(list(sources))} counted while a backend's blocks ran, for the "
        f"whole device, idling included; a dash: nothing to read.{lag}"
    )
