"""A page of photographs at the size of the paper stays small enough to be sent."""

from __future__ import annotations

import numpy as np
from PIL import Image
from report_experiment import build

from harness.records.experiment import load
from harness.report import render
from harness.report.comparison.findings import find
from harness.system.files import read_arrays, write_arrays

SIDE = 256
FIGURES = 2e6  # bytes that figures add, of which none are drawn here
GRAIN = 6  # levels: translations are sharper and noisier than what JPEG likes


def photographs_of(folder, count):
    files = sorted(folder.iterdir())[:count]
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


def test_a_page_of_photographs_is_below_15_mb(tmp_path, photographs):
    folder = build(tmp_path, size=SIDE, paired=False)
    references = read_arrays(folder / "references.safetensors")
    splits = {"real_a": "testA", "real_b": "testB", "floor_a": "trainA", "floor_b": "trainB"}
    for name, split in splits.items():
        source = photographs / "summer2winter_yosemite" / split
        references[name] = photographs_of(source, len(references[name]))
    write_arrays(folder / "references.safetensors", references)
    rng = np.random.default_rng(0)
    for file in folder.glob("runs/*/*/evaluations/*.safetensors"):
        arrays = read_arrays(file)
        for name in arrays.keys() & {"ab", "ba", "aba", "bab", "identity_a", "identity_b"}:
            image = references[f"real_{name.removeprefix('identity_')[0]}"]
            grainy = 0.8 * image + 40 + rng.normal(0, GRAIN, image.shape)
            arrays[name] = np.clip(grainy, 0, 255).astype(np.uint8)
        write_arrays(file, arrays)
    experiment = load(folder)
    page = render.html(experiment, find(experiment), {})
    assert 5e6 < len(page) < 15e6 - FIGURES
