"""Losses of other code, in this project's terms: which is which, and what was done to them."""

from __future__ import annotations

import json
from pathlib import Path

import authors_files
import numpy as np
import pandas as pd
import pytest
from authors_files import NAMES
from event_writer import write_events

from harness.records.imported_losses import Imported, read_imported
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.tools.imports.losses import ImportRequest, import_losses
from harness.tools.imports.sources import WEIGHTS

# Losses of one step in the recorded `mean`, from which each code's own numbers are made below.
MEANS = {
    "adversarial_ab": 0.5,
    "adversarial_ba": 0.25,
    "cycle_a": 0.75,
    "cycle_b": 0.125,
    "identity_a": 0.0625,
    "identity_b": 0.625,
    "discriminator_a": 0.375,
    "discriminator_b": 0.875,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_json(tmp_path / "results/experiment.json", {})
    return tmp_path / "results"


def imported(folder: Path, file: Path, source: str, **more) -> Imported:
    """As written and read again."""
    import_losses(ImportRequest((file,), source, folder, name="other", **more))
    (found,) = read_imported(folder)
    return found


def authors_log(tmp_path: Path, lambda_a: float, lambda_b: float, identity: float) -> Path:
    """What the authors' loss functions would print of MEANS: G_A goes to B, D_A judges B."""
    printed = {
        "D_A": MEANS["discriminator_b"] / 2,
        "G_A": MEANS["adversarial_ab"],
        "cycle_A": lambda_a * MEANS["cycle_a"],
        "idt_A": lambda_b * identity * MEANS["identity_b"],
        "D_B": MEANS["discriminator_a"] / 2,
        "G_B": MEANS["adversarial_ba"],
        "cycle_B": lambda_b * MEANS["cycle_b"],
        "idt_B": lambda_a * identity * MEANS["identity_a"],
    }
    path = tmp_path / "loss_log.txt"
    path.write_text(authors_files.HEAD + authors_files.line(1, 4, printed))
    return path


@pytest.mark.parametrize("weights", [{}, {"lambda_a": 4.0, "lambda_b": 8.0, "identity": 0.25}])
def test_the_authors_losses_become_means(tmp_path: Path, folder: Path, weights) -> None:
    log = authors_log(tmp_path, *{**WEIGHTS, **weights}.values())
    found = imported(folder, log, "authors", weights=weights, batch_size=1)
    assert found.table["step"].tolist() == [3]
    assert list(found.table.columns) == ["step", *MEANS]
    # Three decimals are printed, of half of it for a discriminator.
    for term, mean in MEANS.items():
        assert found.table[term][0] == pytest.approx(mean, abs=0.0011)
    if weights:
        assert "idt_A is identity_b: divided by lambda_b (8) x identity (0.25)." in found.declared
    assert "D_A is discriminator_b: doubled, as its code halves it." in found.declared


def test_domains_can_be_the_other_way_round(tmp_path: Path, folder: Path) -> None:
    found = imported(folder, authors_log(tmp_path, 10, 10, 0.5), "authors", swap=True)
    other = {"adversarial_ab": "adversarial_ba", "cycle_a": "cycle_b", "identity_b": "identity_a"}
    for ours, theirs in other.items():
        assert found.table[ours][0] == pytest.approx(MEANS[theirs], abs=0.0011)


def test_an_identity_that_was_not_trained_is_no_identity_of_zero(tmp_path, folder) -> None:
    found = imported(folder, authors_log(tmp_path, 10, 10, 0.0), "authors")
    assert not [column for column in found.table.columns if column.startswith("identity")]
    assert any("idt_A is left out: with a weight of zero" in text for text in found.declared)


def test_values_that_are_no_numbers_are_left_out_and_said(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "loss_log.txt"
    losses = [dict.fromkeys(NAMES, 1.0), {**dict.fromkeys(NAMES, 1.0), "G_A": float("nan")}]
    lines = [authors_files.line(1, images, values) for images, values in enumerate(losses, 1)]
    path.write_text(authors_files.HEAD + "".join(lines))
    found = imported(folder, path, "authors")
    assert found.table["adversarial_ab"].isna().tolist() == [False, True]
    assert found.table["adversarial_ba"].tolist() == [1.0, 1.0]
    assert any("G_A: 1 values" in text and "at step 1" in text for text in found.declared)


LYNNHO = {
    "G_losses/A2B_g_loss": "adversarial_ab",
    "G_losses/B2A_g_loss": "adversarial_ba",
    "G_losses/A2B2A_cycle_loss": "cycle_a",
    "G_losses/B2A2B_cycle_loss": "cycle_b",
    "G_losses/A2A_id_loss": "identity_a",
    "G_losses/B2B_id_loss": "identity_b",
    "D_losses/A_d_loss": "discriminator_a",
    "D_losses/B_d_loss": "discriminator_b",
}


def test_lynnhos_summaries_are_means_already_from_step_one(tmp_path: Path, folder: Path) -> None:
    scalars = [(step, tag, MEANS[term]) for step in (1, 2) for tag, term in LYNNHO.items()]
    scalars += [(1, "learning rate/learning rate", 2e-4), (1, "D_losses/D_A_gp", 0.0)]
    file = write_events(tmp_path / "events.out.tfevents.1.host", scalars)
    found = imported(folder, file, "lynnho")
    assert found.table.to_dict("list") == {"step": [0, 1], **{t: [m, m] for t, m in MEANS.items()}}
    with pytest.raises(UserError, match="begins at step 0, but that code counts from 1"):
        import_losses(ImportRequest((write_events(file, [(0, next(iter(LYNNHO)), 1.0)]),), "lynnho",
                              folder))  # fmt: skip


def test_the_tutorials_cycle_loss_is_the_mean_of_both(tmp_path: Path, folder: Path) -> None:
    both = 10 * (MEANS["cycle_a"] + MEANS["cycle_b"])
    scalars = [(0, "total_cycle_loss", both), (0, "disc_x_loss", MEANS["discriminator_a"] / 2)]
    file = write_events(tmp_path / "events.out.tfevents.1.host", scalars)
    found = imported(folder, file, "tf-tutorial")
    mean = (MEANS["cycle_a"] + MEANS["cycle_b"]) / 2
    assert found.table["cycle"].tolist() == [pytest.approx(mean)]
    assert found.table["discriminator_a"].tolist() == [MEANS["discriminator_a"]]


def test_names_of_ones_own_are_declared(tmp_path: Path, folder: Path) -> None:
    scalars = [(0, "loss/x, cycle", 4 * 0.5 / 2), (0, "d", 0.25), (0, "unknown", 1.0)]
    file = write_events(tmp_path / "events.out.tfevents.1.host", scalars, version=1)
    terms = ("cycle_a=loss/x, cycle,weighted,unit_range", "discriminator_b=d,halved")
    found = imported(folder, file, "tensorboard", terms=terms, weights={"lambda_a": 4.0})
    assert found.table.to_dict("list") == {"step": [0], "cycle_a": [0.5], "discriminator_b": [0.5]}


def test_csv_files_are_a_curve_each(tmp_path: Path, folder: Path) -> None:
    a, b = tmp_path / "run-train-tag-loss_g.csv", tmp_path / "cycle.csv"
    a.write_text("Wall time,Step,Value\n1.5,10,0.25\n2.5,20,0.125\n3.5,20,0.5\n")
    b.write_text("Wall time,Step,Value\n1.5,10,NaN\n2.5,30,5\n")
    request = ImportRequest((a, b), "tensorboard-csv", folder, terms=("adversarial_ab=loss_g",
                      "cycle=cycle,weighted"))  # fmt: skip
    path, found = import_losses(request)
    expected = pd.DataFrame(
        {"step": [10, 20, 30], "adversarial_ab": [0.25, 0.5, np.nan], "cycle": [np.nan] * 2 + [0.5]}
    )
    pd.testing.assert_frame_equal(read_imported(folder)[0].table, expected)
    assert found.name == "run-train-tag-loss_g" and path.parent == folder / "imported"


def test_the_record_says_where_it_is_from(tmp_path: Path, folder: Path) -> None:
    log = authors_log(tmp_path, 10, 10, 0.5)
    imported(folder, log, "authors", title="Theirs, 2018")
    record = json.loads((folder / "imported/other.json").read_text())
    assert record["title"] == "Theirs, 2018" and record["source"] == "authors"
    (file,) = record["files"]
    assert file["name"] == "loss_log.txt" and len(file["sha256"]) == 64
    printed, weights, batches = record["assumed"]
    assert "three decimals" in printed and "batches are of 1 image" in batches
    assert "lambda_a 10, lambda_b 10, identity 0.5" in weights
    assert str(tmp_path) not in json.dumps(record)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"terms": ("adversarial_ab=G_A,weighted",)}, "only cycle and identity"),
        ({"terms": ("cycle_z=G_A",)}, "TERM is one of"),
        ({"terms": ("cycle_a=Z",)}, "no curve 'Z'; there are D_A"),
        ({"weights": {"lambda_a": 1e-300}}, "numbers that cannot be drawn"),
        ({"weights": {"lambda_a": 1.0}, "terms": ("cycle=G_A,weighted",)}, "both the same"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(tmp_path, folder, more, says) -> None:
    log = authors_log(tmp_path, 10, 10, 0.5)
    with pytest.raises(UserError, match=says):
        import_losses(ImportRequest((log,), "authors", folder, **more))
    assert not (folder / "imported").exists()


def test_a_name_is_given_once(tmp_path: Path, folder: Path) -> None:
    log = authors_log(tmp_path, 10, 10, 0.5)
    imported(folder, log, "authors")
    with pytest.raises(UserError, match="already there; remove it, or give another --name"):
        imported(folder, log, "authors")
