"""Makes docs/images/systems from real comparisons: `make systems`.

Each published system that a CPU cannot train whole, at a reduced size, on built-in data sets: no
pictures of others. Five minutes each on two cores. Presets given as arguments: only those.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pictures import save

HERE = Path(__file__).parent
SMALL = "model.filters=16 model.discriminator_filters=16 data.train=200 data.test=40"
OFTEN = "evaluation.evaluate_unit=steps evaluation.evaluate_every"
BATCHES = "training.batch_size=4 data.load_size=72 data.crop_size=64"
# Preset -> data set, settings, and the figures that its source shows.
SYSTEMS = {
    "faceoff": (
        "seasons",
        f"{SMALL} {OFTEN}=400 training.steps=800 model.depth=6 data.load_size=72 data.crop_size=64",
        ("images_ab", "images_aba"),
    ),
    "mnist-svhn": (
        "digits",
        f"{SMALL} {OFTEN}=1000 training.steps=2000 model.blocks=2 data.train=600",
        ("images_ab", "images_ba", "accuracies"),
    ),
    "domainnet-resnet": (
        "seasons",
        f"{SMALL} {OFTEN}=200 training.steps=400 model.blocks=2 {BATCHES}",
        ("images_ab", "losses"),
    ),
    "domainnet-unet": (
        "seasons",
        f"{SMALL} {OFTEN}=200 training.steps=400 model.depth=6 {BATCHES}",
        ("images_ab", "losses"),
    ),
    "gan-mnist-vanilla": ("digits", "training.steps=3000", ("images_samples", "histograms")),
}


def main() -> int:
    for preset in sys.argv[1:] or SYSTEMS:
        dataset, settings, figures = SYSTEMS[preset]
        command = ["compare", "--preset", preset, "--dataset", dataset, "--json"]
        program = [sys.executable, "-m", "harness.cli", *command, "--set", settings]
        made = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=False)
        if made.returncode:
            return made.returncode
        experiment = Path(json.loads(made.stdout)["folder"])
        for name in figures:
            to = HERE / "images" / "systems" / f"{preset}-{name.removeprefix('images_')}.png"
            to.parent.mkdir(parents=True, exist_ok=True)
            save((experiment / "figures" / f"{name}.png").read_bytes(), to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
