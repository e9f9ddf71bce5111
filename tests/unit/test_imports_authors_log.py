"""The authors' loss logs: which step a line is of, in every form they have had."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from authors_files import HEAD, NAMES, line, line_of_2025, log, places, value

from harness.system.errors import UserError
from harness.tools.imports.authors_log import read_log


def read(tmp_path: Path, text: str, batch: int | None = 1, images: int | None = None):
    path = tmp_path / "loss_log.txt"
    path.write_text(text)
    return read_log(path, batch, images)


def test_steps_count_batches_of_the_whole_training_from_zero(tmp_path: Path) -> None:
    curves = read(tmp_path, log())
    assert set(curves.by_name) == set(NAMES)
    # 750 images, a line every 100: after the 100th image step 99 is over.
    steps = [99, 199, 299, 399, 499, 599, 699]
    expected = pd.Series([value(step + 1, "cycle_B") for step in steps], steps)
    pd.testing.assert_series_equal(curves.by_name["cycle_B"], expected)
    assert curves.assumed == ("An epoch has 250 images: the log's own counts only fit that.",)


@pytest.mark.parametrize(("size", "every", "batch"), [(1334, 100, 1), (250, 48, 4), (97, 8, 4)])
def test_the_images_of_an_epoch_are_inferred(tmp_path, size, every, batch) -> None:
    text = log((1, 2, 3, 4), size, every, batch)
    whole = -(-size // batch) * batch  # the last batch counts as a full one
    inferred, given = read(tmp_path, text, batch), read(tmp_path, text, batch, size)
    assert f"An epoch has {whole} images" in inferred.assumed[0] and given.assumed == ()
    for name in NAMES:
        steps = inferred.by_name[name].index
        totals = [total for *_, total in places((1, 2, 3, 4), size, every, batch)]
        assert (steps + 1).tolist() == [total // batch for total in totals]
        assert np.array_equal(steps, given.by_name[name].index)


def test_the_newest_form_and_the_oldest_read_the_same(tmp_path: Path) -> None:
    usual = read(tmp_path, log())
    newest = read(tmp_path, log(one_line=line_of_2025))
    oldest = read(tmp_path, log().replace(", data: 1.230", ""))
    for other in (newest, oldest):
        for name in NAMES:
            pd.testing.assert_series_equal(other.by_name[name], usual.by_name[name])


def test_what_a_later_start_trained_again_counts_once(tmp_path: Path) -> None:
    again = HEAD + line(3, 100, dict.fromkeys(NAMES, 9.0))
    curves = read(tmp_path, log() + again)
    curve = curves.by_name["G_A"]
    assert curve.index.tolist() == [99, 199, 299, 399, 499, 599]
    assert curve.iloc[-1] == 9.0 and curve.iloc[-2] == value(500, "G_A")
    assert "2 times; 2 lines of epochs" in curves.assumed[-1]


def test_a_last_line_that_is_cut_off_is_left_out_and_said(tmp_path: Path) -> None:
    curves = read(tmp_path, log()[:-9])
    assert curves.by_name["D_A"].index.tolist()[-1] == 599
    assert "The last line is cut off and left out." in curves.assumed


def test_numbers_that_are_none_are_kept_for_who_reads_on(tmp_path: Path) -> None:
    text = HEAD + line(1, 1, {"G_A": float("nan")}) + line(1, 2, {"G_A": float("-inf")})
    assert np.array_equal(
        read(tmp_path, text).by_name["G_A"].values, [np.nan, -np.inf], equal_nan=True
    )


def test_that_the_batch_is_one_is_said_where_nobody_said_it(tmp_path: Path) -> None:
    text = HEAD + line(1, 100, {"G_A": 1.0})
    assert "batches are of 1 image" in read(tmp_path, text, None).assumed[0]
    assert read(tmp_path, text, 4).by_name["G_A"].index.tolist() == [24]


@pytest.mark.parametrize(
    ("text", "batch", "images", "says"),
    [
        (log(), 3, None, "line 2: iters 100 of epoch 1 is no number of images after batches of 3"),
        (log((2,)), 1, None, "--images-per-epoch"),
        (log() + line(1, 10, {"G_A": 1.0}), 1, 250, "does not come after the line before"),
        (log().replace("D_A: 0.", "D_A: o."), 1, None, "line 2:"),
        (HEAD, 1, None, "no line as"),
    ],
)
def test_what_cannot_be_told_is_refused(tmp_path, text, batch, images, says) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        read(tmp_path, text, batch, images)
