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


def read(tmp_path: Path, text: str, batch: int | None = 1, images: int | None = None, starts=None):
    path = tmp_path / "loss_log.txt"
    path.write_text(text)
    return read_log(path, batch, images, starts)


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
    assert any("2 times; 2 lines of epochs" in sentence for sentence in curves.assumed)


CONTINUED = log((1, 2, 3)) + log((1, 2))


def test_a_start_that_counts_from_one_again_is_asked_about(tmp_path: Path) -> None:
    """Nothing is thrown away before the user says what it was."""
    says = "line 10: the program was started again and counts from epoch 1, after 7 lines; add"
    with pytest.raises(UserError, match=says):
        read(tmp_path, CONTINUED)


def test_a_start_that_went_on_is_joined(tmp_path: Path) -> None:
    curves = read(tmp_path, CONTINUED, starts="joined")
    # Three epochs of 250 images, then two.
    expected = [*(99 + 100 * i for i in range(7)), *(750 + 99 + 100 * i for i in range(5))]
    assert curves.by_name["G_A"].index.tolist() == expected
    assert any("its epochs follow the last one" in sentence for sentence in curves.assumed)
    assert any("2 times; 0 lines" in sentence for sentence in curves.assumed)
    # A third start, of two epochs after the second's first: it goes on with the same numbers.
    curves = read(tmp_path, CONTINUED + log((2, 3)), starts="joined")
    lines = curves.by_name["G_A"].index
    assert lines.is_monotonic_increasing and lines.max() == 6 * 250 - 1


def test_a_start_that_began_anew_replaces_what_was_before(tmp_path: Path) -> None:
    curves = read(tmp_path, CONTINUED, starts="anew")
    assert curves.by_name["G_A"].index.tolist() == [99, 199, 299, 399, 499]
    assert any("2 times; 7 lines" in sentence for sentence in curves.assumed)


def test_what_is_printed_to_a_terminal_has_losses_in_it(tmp_path: Path) -> None:
    usual = read(tmp_path, log())
    head = "----------------- Options ---------------\n  batch_size: 1 \t\n----- End -----\n"
    lines = log().splitlines(keepends=True)[1:]
    between = "saving the latest model (epoch 1, total_iters 250)\nEnd of epoch 1 / 200\n"
    text = head + lines[0] + between + "12:01 | " + "".join(lines[1:]) + "saving the la"
    found = read(tmp_path, text)
    for name in NAMES:
        assert found.by_name[name].equals(usual.by_name[name])
    assert "4 lines that are no losses are left out, as 'batch_size: 1'." in found.assumed
    twice = read(tmp_path, text + "\n" + head + "".join(lines), starts="joined")
    assert len(twice.by_name["G_A"]) == 2 * len(usual.by_name["G_A"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_windows_read_the_same(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "loss_log.txt"
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    path.write_bytes((mark + log().replace("\n", end)).encode(encoding))
    found = read_log(path, 1, None)
    path.write_text(log())
    usual = read_log(path, 1, None)
    assert found.by_name["G_A"].equals(usual.by_name["G_A"]) and found.assumed == usual.assumed


def test_a_damaged_loss_is_not_taken_for_another_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 3: .*take it out"):
        read(tmp_path, HEAD + line(1, 1, {"G_A": 1.0}) + "(epoch: 1, iters: 2, ti\n" + HEAD)


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
