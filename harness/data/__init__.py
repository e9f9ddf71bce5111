"""Data sets: find or fetch one, list and audit its files, decode them once.

prepared = prepare("summer2winter", Path("data"))
images = load_images(prepared.manifest, "trainA", size=286)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.data.catalogue import find_entry
from harness.data.fetch import Report, StageProgress
from harness.data.files import is_hidden
from harness.data.find_local import find_local
from harness.data.find_or_fetch import find_or_fetch
from harness.data.image_arrays import Images, Ragged, open_images
from harness.data.images import load_images
from harness.data.labels import read_labels
from harness.data.layout import DatasetFolder, HoldOut
from harness.data.manifest import Audit, ImageFile, Manifest, audit, build_manifest
from harness.data.resize import Fit, Resize
from harness.data.scan import scan

__all__ = [
    "Fit", "ImageFile", "Images", "Manifest", "Prepared", "Ragged", "Resize", "audit",
    "build_manifest", "find_entry", "find_local", "load_images", "open_images", "prepare", "scan",
]  # fmt: skip


@dataclass(frozen=True)
class Prepared:
    """A data set ready for training: where it is, which files count, what to know about them."""

    located: DatasetFolder
    manifest: Manifest
    audit: Audit


def prepare(
    dataset: str,
    data_dir: Path | None = None,
    *,
    size: int = 64,
    counts: tuple[int, int] = (200, 64),
    hold_out: HoldOut = "test",
    report: Report = lambda line: None,
    progress: StageProgress | None = None,
) -> Prepared:
    """Find or fetch a data set, look at every file once, and list and audit what is there.

    `size` (pixels) and `counts` (train, test images of a domain) apply to built-in sets only.
    `hold_out`: "validation" puts a tenth of the training images in place of the test images, to
    choose settings on; see `find_or_fetch`. `report` gets lines for the user, `progress` (stage,
    done, total) with the stages "download" (bytes), "unpack", "draw", "write", "link" and
    "examine" (files). Raises UserError as `find_or_fetch`, `scan`, `build_manifest` and
    `read_labels` do.
    """
    located = find_or_fetch(
        dataset,
        data_dir,
        size=size,
        counts=counts,
        hold_out=hold_out,
        report=report,
        progress=progress,
    )
    facts = scan(located.folder, progress and partial(progress, "examine"))
    manifest = build_manifest(located, facts)
    read_labels(manifest)  # a damaged labels.csv is to be known before any image is decoded
    findings = audit(manifest, facts)
    left_out = [file for file in findings.unreadable if not is_hidden(file.name)]
    if left_out:
        first = left_out[0]
        report(
            f"{manifest.name}: {len(left_out)} of {len(facts)} files left out"
            f" (the first: {first.split}/{first.name}, {first.problem})"
        )
    if findings.turned:
        turned = findings.turned[0]
        report(
            f"{manifest.name}: a camera's mark says to turn {len(findings.turned)} images (the"
            f" first: {turned.split}/{turned.name}); they are used as they lie in the file"
        )
    if single := [split for split in ("testA", "testB") if findings.counts[split] == 1]:
        report(
            f"{manifest.name}: one image in {' and '.join(single)}, so no score that compares sets"
            " of images: KID takes two or more, and means something from dozens on"
        )
    return Prepared(located, manifest, findings)
