"""`loss_log.txt` of the CycleGAN authors' PyTorch code, in all forms that it has had.

Lines are `(epoch: 1, iters: 100, time: 0.294, data: 1.230) D_A: 0.335 G_A: 0.311 ...`; the first
had no `data`, the latest begin with `[Rank 0]` and have commas. `iters` counts images of the epoch,
from 1. Every start of the program writes a line of its own and goes on in the same file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from harness.system.errors import UserError
from harness.system.untrusted import check_file, reason, shown
from harness.tools.imports.curves import Curves, curve_of

MOST = 512 * 2**20  # bytes
SESSION = re.compile(r"=+ Training Loss \(.*\) =+")
LINE = re.compile(
    r"(?:\[Rank \d{1,9}\] )?"
    r"\(epoch: (\d{1,7}), iters: (\d{1,10}), time: [^,)]*(?:, data: [^,)]*)?\)"
    r"((?:[ ,]+\w+: [^\s,]+)*)[ ,]*"
)
TERM = re.compile(r"(\w+): ([^\s,]+)")


@dataclass(frozen=True)
class Line:
    """`session`: which start of the program, from 0."""

    number: int
    session: int
    epoch: int
    images: int
    values: dict[str, float]


def read_log(path: Path, batch_size: int | None, images_per_epoch: int | None) -> Curves:
    """Steps from 0. `batch_size` None: 1. `images_per_epoch` None: inferred from the log.

    Raises UserError for a file that is no such log, or from which that cannot be inferred.
    """
    lines, assumed = _lines(path)
    batch = batch_size or 1
    if batch_size is None:
        assumed.append("Not given, so as that code has it: batches are of 1 image.")
    for line in lines:
        if line.images % batch or not line.images or not line.epoch:
            raise UserError(
                f"{path}: line {line.number}: iters {line.images} of epoch {line.epoch} is no"
                f" number of images after batches of {batch}; give the right --batch-size"
            )
    per_epoch = _images_per_epoch(path, lines, batch, images_per_epoch, assumed)
    points: dict[str, dict[int, float]] = {}
    for line in _without_repeats(path, lines, assumed):
        step = ((line.epoch - 1) * per_epoch + line.images) // batch - 1
        for name, value in line.values.items():
            points.setdefault(name, {})[step] = value
    return Curves({name: curve_of(steps) for name, steps in points.items()}, tuple(assumed))


def _lines(path: Path) -> tuple[list[Line], list[str]]:
    """Lines with losses, and sentences about what is left out."""
    try:
        check_file(path, MOST)
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({reason(error)}); name a loss_log.txt") from None
    *whole, rest = text.split("\n")
    lines: list[Line] = []
    session = 0
    for number, one in enumerate(map(str.strip, whole), 1):
        if SESSION.fullmatch(one):
            session += 1
        elif one:
            try:
                if (match := LINE.fullmatch(one)) is None:
                    raise ValueError
                values = {name: float(value) for name, value in TERM.findall(match[3])}
                lines.append(Line(number, session, int(match[1]), int(match[2]), values))
            except ValueError:
                raise UserError(
                    f"{path}: line {number}: {shown(one)} is no line of that code's loss log; take"
                    " it out"
                ) from None
    if not lines:
        raise UserError(
            f"{path}: no line as `(epoch: 1, iters: 100, time: 0.3, data: 1.2) D_A: 0.335 ...`;"
            " name the loss_log.txt of a CycleGAN training"
        )
    return lines, ["The last line is cut off and left out."] if rest.strip() else []


def _images_per_epoch(
    path: Path, lines: list[Line], batch: int, given: int | None, assumed: list[str]
) -> int:
    """Images that `iters` counts in an epoch, where the last batch counts as a whole one."""
    if given is not None:
        per_epoch = -(-given // batch) * batch
    elif max(line.epoch for line in lines) == 1:
        return batch  # no epoch is over, so nothing depends on this
    else:
        per_epoch = _inferred(path, lines)
        assumed.append(f"An epoch has {per_epoch} images: the log's own counts only fit that.")
    late = next((line for line in lines if line.images > per_epoch), None)
    if late is not None:
        raise UserError(
            f"{path}: line {late.number}: iters {late.images}, more than the {per_epoch} images of"
            " an epoch; give the right --images-per-epoch"
        )
    return per_epoch


def _inferred(path: Path, lines: list[Line]) -> int:
    """From lines that are equally many images apart, wherever an epoch ends between them."""
    pairs = [(a, b) for a, b in pairwise(lines) if a.session == b.session]
    apart = {b.images - a.images for a, b in pairs if a.epoch == b.epoch}
    counts = {
        (a.images + every - b.images) / (b.epoch - a.epoch)
        for every in apart
        for a, b in pairs
        if b.epoch > a.epoch
    }
    if len(apart) != 1 or len(counts) != 1 or (count := counts.pop()) < 1 or count % 1:
        raise UserError(
            f"{path}: how many images an epoch has cannot be told from it; give --images-per-epoch,"
            " the images of the larger training split"
        )
    return int(count)


def _without_repeats(path: Path, lines: list[Line], assumed: list[str]) -> list[Line]:
    """Without lines of epochs that a later start of the program trained again."""
    for before, line in pairwise(lines):
        if (line.session, line.epoch, line.images) <= (before.session, before.epoch, before.images):
            raise UserError(
                f"{path}: line {line.number}: epoch {line.epoch}, iters {line.images} does not come"
                " after the line before; give one log of one training"
            )
    begins: dict[int, int] = {}
    for line in lines:
        begins.setdefault(line.session, line.epoch)
    valid = [
        line
        for line in lines
        if all(line.epoch < epoch for later, epoch in begins.items() if later > line.session)
    ]
    if len(begins) > 1:
        assumed.append(
            f"The program was started {len(begins)} times; {len(lines) - len(valid)} lines of"
            " epochs that a later start trained again are left out."
        )
    return valid
