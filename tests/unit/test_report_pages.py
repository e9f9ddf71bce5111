"""The pages: self-contained, escaped, deterministic; and the pictures in them."""

import io
import re
import shutil

import numpy as np
import pytest
from page_reader import Page, check_self_contained, outside_fences
from PIL import Image
from report_experiment import build, write_run

from harness.records.experiment import load
from harness.report import render
from harness.report.comparison import write_report
from harness.report.comparison.context import FID
from harness.report.comparison.findings import find
from harness.report.figures import colour
from harness.report.gallery import Column, Gallery, galleries, sheet, spaced, tile
from harness.system.errors import UserError
from harness.system.files import read_json, write_json

EVIL = "<script>alert(1)</script>|*x*"


def page(folder):
    """HTML and Markdown without drawing any figure."""
    experiment = load(folder)
    found = find(experiment)
    return render.html(experiment, found, {}), render.markdown(experiment, found, {})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("written"), seeds=(0, 1, 2), devices=("cpu-example",))
    assert write_report(folder) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return build(tmp_path_factory.mktemp("plain"))


def test_the_page_fetches_nothing_and_runs_nothing_else(written):
    assert check_self_contained((written / "report.html").read_text()).images


def test_sections_come_in_the_order_of_a_paper(written):
    html = (written / "report.html").read_text()
    found = Page(html)
    assert found.sections == [
        "answer", "same", "fast", "why", "data", "environment", "configuration", "reproduce",
    ]  # fmt: skip
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert links == ["#main", *(f"#{name}" for name in found.sections)]


def test_markdown_links_only_files_that_were_written(written):
    links = re.findall(r"\]\(([^)]+)\)", (written / "report.md").read_text())
    assert len(links) == 17  # ten galleries, seven plots
    for link in links:
        assert Image.open(written / link).format == "PNG"
    assert len(set(links)) == len(list((written / "figures").glob("*.png")))


def test_the_same_records_give_the_same_bytes_anywhere(written, tmp_path):
    again = shutil.copytree(written, tmp_path / "moved")
    names = ["report.html", "report.md", "summary.json", "figures/cycle.png", "figures/losses.png"]
    names += ["figures/cycle.svg", "figures/cycle.pdf"]
    names += [str(file.relative_to(written)) for file in written.glob("tensorboard/*/*/events*")]
    for name in names:
        (again / name).unlink()
    write_report(again)
    for name in names:
        assert (again / name).read_bytes() == (written / name).read_bytes(), name
    assert not [path for path in again.rglob(".*") if path.is_file()]


def test_hostile_names_stay_text(tmp_path):
    folder = build(tmp_path, dataset=EVIL)
    audit = read_json(folder / "audit.json")
    audit["unreadable"][0]["name"] = audit["duplicates"][0]["name"] = EVIL
    write_json(folder / "audit.json", audit)
    record = read_json(folder / "experiment.json")
    record["configuration"]["titles"] = {"a": EVIL, "b": '"><img src=x onerror=alert(2)>'}
    write_json(folder / "experiment.json", record)
    html, markdown = page(folder)
    assert EVIL in check_self_contained(html).text
    markdown = outside_fences(markdown)
    assert "<script" not in markdown and "<img" not in markdown
    assert r"&lt;script&gt;alert(1)&lt;/script&gt;\|\*x\*" in markdown


def test_a_pipe_in_a_name_does_not_add_a_cell_in_markdown(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "piped")
    record = read_json(folder / "experiment.json")
    record["configuration"]["titles"] = {"a": "day|noon", "b": "night"}
    write_json(folder / "experiment.json", record)
    rows = [line for line in page(folder)[1].splitlines() if line.startswith("| KID")]
    assert rows and all(len(re.findall(r"(?<!\\)\|", row)) == 9 for row in rows)


def test_fid_is_said_to_be_absent_and_fd_never_called_fid(plain):
    html, markdown = page(plain)
    for text in (html, markdown):
        assert FID in text and "FD-EffLite0@12" in text
        assert "FID" not in re.sub(r'"data:[^"]*"', "", text).replace(FID, "")


def test_fid_is_shown_with_its_count_once_it_was_computed(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "scored")
    metrics = read_json(folder / "metrics.json")
    for table in ("scores", "differences", "references"):
        rows = [row for row in metrics[table] if row["metric"] == "fd_efflite0"]
        metrics[table] += [{**row, "metric": "fid"} for row in rows if row.get("step") != 0]
    write_json(folder / "metrics.json", metrics)
    for text in page(folder):
        assert "FID@12" in text and "not computed" not in text


def test_long_findings_are_folded_and_short_ones_are_not(plain):
    html, _ = page(plain)
    folded = re.findall(r"<details>.*?</details>", html, re.DOTALL)
    assert any("11 pairs of images with equal pixels" in part for part in folded)
    assert any("testA/testa_010.jpg = trainA/traina_010.jpg" in part for part in folded)
    assert not any("trainB/trainb_007.jpg" in part for part in folded)
    assert "trainB/trainb_007.jpg" in html and "trainA/broken.jpg: truncated file" in html


def test_unfinished_runs_are_listed(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "more")
    write_run(folder, "cpu-example", "tf", 1, state="interrupted")
    for text in page(folder):
        assert "cpu-example/tf-seed1: interrupted at step 100 of 200" in text
        assert "left out of every number" in text


def test_a_folder_without_a_complete_run_still_has_a_report(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "none")
    shutil.rmtree(folder / "runs")
    (folder / "metrics.json").unlink()
    write_run(folder, "cpu-example", "torch", 0, state="running")
    text = write_report(folder).read_text()
    assert "No run is complete yet" in text and "running at step 100 of 200" in text
    assert read_json(folder / "summary.json")["metrics"] == []


def test_differing_environments_are_warned_about(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "mixed")
    path = folder / "runs/cpu-example/tf-seed0/environment.json"
    record = read_json(path)
    record |= {"threads": 8, "versions": {**record["versions"], "numpy": "1.0"}}
    write_json(path, record)
    html, _ = page(folder)
    assert "threads differs: 8 (cpu-example/tf-seed0); 2 (cpu-example/torch-seed0)" in html
    assert "version of numpy differs: 1.0 (cpu-example/tf-seed0); 2.4.6" in html
    assert "like for like" not in page(plain)[0]


def test_a_missing_record_is_a_user_error(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "broken")
    (folder / "runs/cpu-example/tf-seed0/blocks.csv").unlink()
    with pytest.raises(UserError, match=r"blocks\.csv: no such file"):
        write_report(folder)
    assert not (folder / "report.html").exists() and not (folder / "summary.json").exists()


def test_galleries_hold_original_backends_and_truth_at_the_same_indices(plain):
    found = {gallery.name: gallery for gallery in galleries(load(plain))}
    assert list(found) == ["ab", "ba", "aba", "bab", "identity_a", "identity_b"]
    titles = [column.title for column in found["ab"].columns]
    assert titles == ["original (summer)", "PyTorch", "TensorFlow", "difference × 4", "truth"]  # noqa: RUF001
    assert [c.title for c in found["bab"].columns] == ["original (winter)", *titles[1:4]]
    assert found["ab"].indices == (0, 2, 4, 6, 8, 10)


def test_spaced_indices_are_distinct_and_within_the_split():
    assert spaced(3) == (0, 1, 2) and spaced(0) == ()
    assert spaced(309) == (0, 51, 103, 154, 206, 257)


def test_small_images_are_embedded_losslessly_and_enlarged_by_whole_pixels():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    content, media_type = tile(images[1])
    assert media_type == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), images[1])
    picture = np.asarray(
        Image.open(io.BytesIO(sheet(Gallery("ab", "", "", (Column("x", images),), (1,)))))
    )
    large = picture[-192:, -192:]
    np.testing.assert_array_equal(large, images[1].repeat(3, axis=0).repeat(3, axis=1))


def test_a_backend_keeps_its_colour_when_another_is_absent(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "alone")
    shutil.rmtree(folder / "runs/cpu-example/torch-seed0")
    assert colour(load(folder), "tf") == colour(load(plain), "tf") != colour(load(plain), "torch")


def test_a_list_of_ten_thousand_files_is_cut_and_says_where_the_rest_is(tmp_path):
    folder = build(tmp_path)
    audit = read_json(folder / "audit.json")
    audit["greyscale"] = [{"split": "trainA", "name": f"{i:05d}.png"} for i in range(10_000)]
    write_json(folder / "audit.json", audit)
    write_report(folder)
    for page in ("report.html", "report.md"):
        text = (folder / page).read_text("utf-8")
        assert "10,000 images stored without colour" in text
        assert "00199.png" in text and "00200.png" not in text
        assert "and 9,800 more" in text
