"""The page of scaling records: what it says, what it must not say, that it fetches nothing."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from page_reader import check_self_contained
from rich.console import Console
from scaling_record import MIB, failed, point, record

from harness.cli import main
from harness.report.figures import backend_colour
from harness.report.render import page_html, page_markdown
from harness.studies.scaling.answers import answers
from harness.studies.scaling.findings import find, ratio
from harness.studies.scaling.page import make_page, result, write_page
from harness.studies.scaling.record import ScalingAxis, write_record
from harness.studies.study import print_result
from harness.system.files import read_table

pytestmark = pytest.mark.usefixtures("small_figures")
EVIL = "<script>alert(1)</script>|*x*[y](z) $\\q$"


def said(given, question):
    found = next(each for each in answers(find(given)) if question in each.question)
    return found.short, " ".join(f"{each.lead} {each.text}" for each in found.sentences)


def result_of(given):
    return result(given, Path("a.json"), Path("report.html"))


def rendered(given):
    """HTML and Markdown without drawing."""
    page = make_page([find(given)])
    return page_html(page, {}), page_markdown(page)


@pytest.fixture(scope="module")
def written(small_figures, tmp_path_factory):
    """Two machines, one with a point that failed."""
    folder = tmp_path_factory.mktemp("results") / "scaling"
    write_record(folder / "a.json", record())
    other = record(point("base", None, 10**8), point("batch", 2, 2 * 10**8),
                   failed("batch", 4, "tf: OOM"), digest="fff", device="another")  # fmt: skip
    write_record(folder / "b.json", other)
    assert write_page(folder) == folder / "report.html"
    return folder


def test_the_page_fetches_nothing_and_has_every_figure_of_every_machine(written):
    html = (written / "report.html").read_text()
    assert len(check_self_contained(html).images) == 4
    assert html.index("a machine, 2 threads") < html.index("another")
    for name in re.findall(r"\]\(([^)]+)\)", (written / "report.md").read_text()):
        assert (written / name).exists()


def test_the_page_is_made_anew_from_the_records_with_the_same_bytes(written, capsys):
    before = (written / "report.html").read_bytes()
    (written / "report.html").unlink()
    assert main(["scaling", "--report-only", "--results", str(written.parent)]) == 0
    assert (written / "report.html").read_bytes() == before
    assert str(written / "report.html") in capsys.readouterr().out


def test_the_table_has_a_row_a_point_and_backend(written):
    table = read_table(written / "table.csv")
    # On each of the axes the base and its own: 4 sizes and 5 batches; 3 batches elsewhere.
    assert len(table) == 2 * (4 + 5 + 3)
    lost = table[table["failed"].notna()]
    assert len(lost) == 2 and lost["step_seconds"].isna().all() and lost["ratio"].isna().all()
    tf = table[(table["backend"] == "tf") & (table["axis"] == "batch")]
    expected = (0.002 + 1e8 / 10e9) / (0.005 + 1e8 / 20e9)
    assert tf["ratio"].iloc[0] == pytest.approx(expected, rel=1e-3)


def test_the_answers_are_those_of_the_made_up_truth():
    given = record()
    short, text = said(given, "first FLOP")
    assert short == "Fitted: PyTorch 5.0 ms and TensorFlow 2.0 ms"
    assert "20.0 GFLOP/s" in text and "10.0 GFLOP/s" in text
    short, text = said(given, "proportion")
    assert re.fullmatch(
        r"With exponents of 0\.[67]\d to 0\.9\d; of 4 curves, 4 surely below 1", short
    )
    assert "16.0 times the arithmetic takes PyTorch 8.50 times as long" in text
    short, text = said(given, "depend")
    assert short == "TensorFlow took 1.20 to 1.91 times as long as PyTorch"
    assert "not at rest" not in text


def test_it_depends_only_where_intervals_lie_on_either_side_of_one():
    """TensorFlow's 2 ms against 5 win at the smallest point; with 4 pairs nobody can be sure."""
    for pairs, sure in ((4, False), (8, True)):
        given = record(point("base", None, 10**6, blocks=pairs),
                       point("batch", 2, 10**9, blocks=pairs))  # fmt: skip
        assert said(given, "depend")[0].startswith("Yes, it depends: ") is sure
        assert said(given, "depend")[0].endswith(
            "TensorFlow took 0.42 to 1.85 times as long as PyTorch"
        )


def test_a_restless_machine_is_said_to_be_one():
    base = point("base", None, 10**8)
    one = base.sides[0].model_copy(update={"seconds_per_step": (0.01, 0.01, 0.02, 0.01)})
    given = record(base.model_copy(update={"sides": (one, base.sides[1])}),
                   point("batch", 2, 2 * 10**8))  # fmt: skip
    assert "not at rest: at 1 of 2 points" in said(given, "depend")[1]


def test_a_batch_that_fits_is_predicted_and_said_to_be_untried():
    short, text = said(record(), "batch")
    assert short == "Predicted, not tried: PyTorch about 100 and TensorFlow about 100"
    assert "105 MB for each of the batch, on top of 419 MB" in text
    assert "6.3 times the largest that was tried" in text
    assert "the line through the others is" in text and "0.0 % off at batch 16" in text
    far = said(record(device_memory=10**12), "batch")[0]
    assert far.startswith("Predicted, not tried, far beyond what was: PyTorch about 9,500")
    short, text = said(record(device_memory=None), "batch")
    assert short == "Cannot be predicted" and "would fit" not in text


def test_a_line_that_does_not_fit_makes_no_claim():
    """Time of a point in the middle is ten times what the others say."""
    odd = record().points[2]
    slow = odd.sides[0].model_copy(update={"seconds_per_step": (1.0,) * 4})
    given = record().having(odd.model_copy(update={"sides": (slow, odd.sides[1])}))
    _, text = said(given, "first FLOP")
    assert "Batch, PyTorch no straight line fits" in text


def test_without_enough_points_nothing_is_claimed():
    given = record(point("base", None, 10**8), point("batch", 2, 2 * 10**8))
    assert said(given, "first FLOP")[0] == "Cannot tell"
    assert said(given, "batch")[0] == "Cannot tell"
    assert said(given, "proportion")[0] == "Cannot tell: too few points"
    only = record(point("base", None, 10**8))
    assert said(only, "proportion")[0] == "Cannot tell: too few points"
    three = record(*record().points[:3], pairs=8)
    assert said(three, "proportion")[0].endswith("none surely off 1"), "no bounds, no claim"
    assert (
        "no interval" in said(record(), "depend")[1]
        and "no interval" not in said(three, "depend")[1]
    )
    for text in rendered(only):
        assert "Nothing but the base is measured" in text


def test_a_ratio_is_of_pairs_and_has_bounds_where_there_are_enough():
    four, eight = point("base", None, 10**8), point("base", None, 10**8, blocks=8)
    assert ratio(four, "torch", "tf").low is None
    found = ratio(eight, "torch", "tf")
    assert found.low <= found.value == pytest.approx(1.2) and found.high >= found.value
    assert ratio(failed("batch", 4, "x"), "torch", "tf").value is None


def test_what_failed_is_said_with_its_reason_and_has_no_numbers():
    given = record(
        point("base", None, 10**8),
        failed("batch", 8, "torch: CUDA out of memory"),
        failed("size", 128, "tf: a loss is not finite", out_of_memory=False),
    )
    short, text = said(given, "could not be measured")
    assert short == "2 points" and "memory ran out: torch: CUDA out of memory" in text
    assert "size 128 tf: a loss is not finite" in text
    assert not [each for each in answers(find(record())) if "could not" in each.question]


def test_names_are_escaped_on_every_page_and_shown_as_they_are_on_a_terminal(tmp_path):
    axis = ScalingAxis(name="batch", title=EVIL, unit=EVIL, base=1)
    bad = record(
        point("base", None, 10**8), point("batch", 2, 2 * 10**8), failed("batch", 4, EVIL),
        preset=EVIL, device=EVIL, axes=(axis,), machine={"git_revision": EVIL},
    )  # fmt: skip
    sides = tuple(
        each.model_copy(update={"framework": EVIL + each.backend}) for each in bad.points[0].sides
    )
    bad = bad.having(bad.points[0].model_copy(update={"sides": sides}))
    html, markdown = rendered(bad)
    assert EVIL in check_self_contained(html).text
    assert "<script" not in markdown and "&lt;script&gt;" in markdown
    assert "](z)" not in markdown.replace("\\](z)", "") and "|*x*" not in markdown
    write_record(tmp_path / "scaling" / "a.json", bad)
    assert write_page(tmp_path / "scaling").exists(), "figures take such names, too"
    out = io.StringIO()
    print_result(result_of(bad), Console(file=out, width=400))
    assert "<script>alert(1)</script>" in out.getvalue()


def test_a_backend_has_one_colour_in_all_reports():
    assert [each.tone for each in find(record()).axes[0].curves] == ["#0072B2", "#D55E00"]
    assert backend_colour("another") not in map(backend_colour, ("torch", "tf"))


def test_the_terminal_shows_every_point_and_the_answers():
    out = io.StringIO()
    print_result(result_of(record()), Console(file=out, width=200))
    text = out.getvalue()
    assert "256 px" in text and "What batch would fit? Predicted, not tried" in text
    assert (
        np.all([f"{n} " in text for n in (128, 192, 16)]) and f"{2000 * MIB / 1e9:.2f} GB" in text
    )


def test_json_has_every_point_and_null_for_what_could_not_be_measured():
    bad = record(*record().points, failed("size", 96, "no memory left"))
    document = json.loads(json.dumps(result_of(bad).document, allow_nan=False))
    rows = [row for row in document["points"] if row["value"] == 96]
    assert rows and all(row["failed"] and row["step_seconds"] is None for row in rows)
    assert any(row["step_seconds"] == bad.points[0].sides[0].step for row in document["points"])
    assert document["answers"] and set(document["answers"][0]) == {"question", "answer"}


def under(share, one):
    """The same point with so much of the CPU time taken by others."""
    loaded = [side.model_copy(update={"load_share": (share,) * 4}) for side in one.sides]
    return one.model_copy(update={"sides": tuple(loaded)})


def test_points_of_a_busy_machine_have_no_ratio_and_the_page_says_why():
    calm, loaded = under(0.01, point("size", 96, 10**8)), under(0.4, point("size", 96, 10**8))
    assert (
        ratio(calm, "torch", "tf").value is not None and ratio(loaded, "torch", "tf").value is None
    )
    some = record(*record().points[:-1], loaded)
    words = "other programs took more than 5 % of the CPU time"
    assert f"At 1 of {len(some.points)} points {words}" in said(some, "faster")[1]
    assert words not in said(record(), "faster")[1]
    every = record(*(under(0.4, one) for one in record().points))
    short, text = said(every, "faster")
    assert short == "No answer: the machine was busy" and words in text and "took 0" not in short
