"""`loss_log.txt` of the CycleGAN authors' PyTorch code, in all forms that it has had.

Lines are `(epoch: 1, iters: 100, time: 0.294, data: 1.230) D_A: 0.335 G_A: 0.311 ...`; the first
had no `data`, the latest begin with `[Rank 0]` and have commas. `iters` counts images of the epoch,
from 1. Every start of the program writes a line of its own and goes on in the same file. What the
program prints to a terminal has the same lines among others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

from harness.system.errors import UserError
from harness.system.untrusted import reason, shown
from harness.tools.imports.curves import Curves, curve_of, read_text

MOST = 512 * 2**20  # bytes
# How a start begins: in the log, and in a terminal.
SESSION = re.compile(r"=+ Training Loss \(.*\) =+|-+ Options -+")
BEGIN = "(epoch: "  # of a loss, wherever it is in a line
LINE = re.compile(
    r"\(epoch: (\d{1,7}), iters: (\d{1,10}), time: [^,)]*(?:, data: [^,)]*)?\)"
    r"((?:[ ,]+\w+: [^\s,]+)*)[ ,]*"
)
TERM = re.compile(r"(\w+): ([^\s,]+)")
# A later start that counts from epoch 1 again: it went on from the one before, or began anew.
Starts = Literal["joined", "anew"]
STARTS: tuple[Starts, ...] = get_args(Starts)


@dataclass(frozen=True)
class Line:
    """`session`: which start of the program, from 0."""

    number: int
    session: int
    epoch: int
    images: int
    values: dict[str, float]


def read_log(
    path: Path,
    batch_size: int | None,
    images_per_epoch: int | None,
    starts: Starts | None = None,
) -> Curves:
    """Steps from 0. `batch_size` None: 1. `images_per_epoch` None: inferred from the log.

    `starts` None: refused where a later start counts from epoch 1 again. Raises UserError for a
    file that is no such log, or from which that cannot be inferred.
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
    _check_order(path, lines)
    one = _one_training(path, lines, starts, assumed)
    # What `iters` counts can be seen in all starts, whether or not they count.
    per_epoch = _images_per_epoch(path, one, lines, batch, images_per_epoch, assumed)
    points: dict[str, dict[int, float]] = {}
    for line in one:
        step = ((line.epoch - 1) * per_epoch + line.images) // batch - 1
        for name, value in line.values.items():
            points.setdefault(name, {})[step] = value
    return Curves({name: curve_of(steps) for name, steps in points.items()}, tuple(assumed))


def _lines(path: Path) -> tuple[list[Line], list[str]]:
    """Lines with losses, and sentences about what is left out."""
    try:
        text = read_text(path, MOST)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({reason(error)}); name a loss_log.txt") from None
    *whole, rest = text.split("\n")
    lines: list[Line] = []
    others: list[str] = []
    session = 0
    for number, one in enumerate(map(str.strip, whole), 1):
        place = one.find(BEGIN)
        if SESSION.fullmatch(one):
            session += 1
        elif place >= 0:
            try:
                if (match := LINE.fullmatch(one, place)) is None:
                    raise ValueError
                values = {name: float(value) for name, value in TERM.findall(match[3])}
                lines.append(Line(number, session, int(match[1]), int(match[2]), values))
            except ValueError:
                raise UserError(
                    f"{path}: line {number}: {shown(one)} is no line of that code's loss log; take"
                    " it out"
                ) from None
        elif one:
            others.append(one)
    if not lines:
        raise UserError(
            f"{path}: no line as `(epoch: 1, iters: 100, time: 0.3, data: 1.2) D_A: 0.335 ...`;"
            " name the loss_log.txt of a CycleGAN training"
        )
    assumed = ["The last line is cut off and left out."] if BEGIN in rest else []
    if others:
        assumed.append(
            f"{len(others)} lines that are no losses are left out, as {shown(others[0])}."
        )
    return lines, assumed


def _check_order(path: Path, lines: list[Line]) -> None:
    for before, line in pairwise(lines):
        if (line.session, line.epoch, line.images) <= (before.session, before.epoch, before.images):
            raise UserError(
                f"{path}: line {line.number}: epoch {line.epoch}, iters {line.images} does not come"
                " after the line before; give one log of one training"
            )


def _images_per_epoch(
    path: Path,
    one: list[Line],
    lines: list[Line],
    batch: int,
    given: int | None,
    assumed: list[str],
) -> int:
    """Images that `iters` counts in an epoch, where the last batch counts as a whole one."""
    if given is not None:
        per_epoch = -(-given // batch) * batch
    elif max(line.epoch for line in one) == 1:
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


def _one_training(
    path: Path, lines: list[Line], starts: Starts | None, assumed: list[str]
) -> list[Line]:
    """The lines of all starts as of one training, whose epochs only go up.

    Epochs that a later start trained again count once. One that counts from 1 again goes on after
    the last epoch before it, or takes the place of all before it, as `starts` says.
    """
    sessions: dict[int, list[Line]] = {}
    for line in lines:
        sessions.setdefault(line.session, []).append(line)
    valid: list[Line] = []
    shift, joined, left_out = 0, 0, 0
    for number, own in enumerate(sessions.values()):
        if number and own[0].epoch == 1:
            if starts is None:
                raise UserError(
                    f"{path}: line {own[0].number}: the program was started again and counts from"
                    f" epoch 1, after {len(valid)} lines; add --starts joined if it went on from"
                    " there (--continue_train), --starts anew if it began anew"
                )
            shift, joined = (valid[-1].epoch, joined + 1) if starts == "joined" else (0, joined)
        moved = [replace(line, epoch=line.epoch + shift) for line in own]
        kept = [line for line in valid if line.epoch < moved[0].epoch]
        left_out += len(valid) - len(kept)
        valid = [*kept, *moved]
    if len(sessions) > 1:
        assumed.append(
            f"The program was started {len(sessions)} times; {left_out} lines of epochs that a"
            " later start trained again are left out."
        )
    if joined:
        again = "one of them counts" if joined == 1 else f"{joined} of them count"
        assumed.append(
            f"As you said, {again} from epoch 1 again but went on: its epochs follow the last one"
            " before it, which is taken for whole."
        )
    return valid
