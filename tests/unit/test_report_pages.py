"""The pages: self-contained, escaped, deterministic; and the pictures in them."""

import io
import re
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pytest
from page_reader import Page, check_self_contained, outside_fences
from PIL import Image
from report_experiment import build, editing, pages, write_run

from harness.config.load import load_experiment
from harness.records.experiment import load
from harness.report import comparison
from harness.report.comparison import write_report
from harness.report.comparison.galleries import galleries, picture_row
from harness.report.comparison.page import FID, command
from harness.report.comparison.plots import cycle_figure, loss_figure
from harness.report.figures import colour, files
from harness.report.gallery import _font, sheet, spaced, tile
from harness.report.page import Column, Gallery
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, write_arrays

EVIL = "<script>alert(1)</script>|*x*"
SIDE = 256  # pixels of a photograph
FIGURES = 2e6  # bytes that figures add, of which none are drawn in the test of a page's size
GRAIN = 6  # levels: translations are sharper and noisier than what JPEG likes


@pytest.fixture(scope="module")
def written(small_figures, tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("written"), seeds=(0, 1, 2), devices=("cpu-example",))
    assert write_report(folder) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def plain_pages(tmp_path_factory):
    """HTML and Markdown of a report without figures."""
    return pages(build(tmp_path_factory.mktemp("plain")))


def test_the_page_fetches_nothing_and_runs_nothing_else(written):
    html = (written / "report.html").read_text()
    assert check_self_contained(html).images and len(html) < 15e6


def test_sections_come_in_the_order_of_use(written):
    html = (written / "report.html").read_text()
    found = Page(html)
    assert found.sections == [
        "answers", "images", "scores", "fast", "why", "tables", "data", "environment",
        "configuration", "reproduce",
    ]  # fmt: skip
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert links == ["#main", *(f"#{name}" for name in found.sections)]


def test_markdown_links_only_files_that_were_written(written):
    links = re.findall(r"\]\(([^)]+)\)", (written / "report.md").read_text())
    assert len(links) == 22  # twelve galleries, ten plots
    for link in links:
        assert Image.open(written / link).format == "PNG"
    assert len(set(links)) == len(list((written / "figures").glob("*.png")))


def test_the_same_records_give_the_same_bytes_anywhere(written, tmp_path, monkeypatch):
    def two_drawn_again(record, findings):
        """Two figures are drawn again, which takes long; the others are taken as they are."""
        others = (file for file in (written / "figures").iterdir() if "images" not in file.name)
        again = {"cycle.png": cycle_figure(record), "losses.png": loss_figure(record)}
        return {file.name: file.read_bytes() for file in others} | files(again)

    parts = replace(comparison.OF_KIND["cyclegan"], figures=two_drawn_again)
    monkeypatch.setattr(comparison, "OF_KIND", {"cyclegan": parts})
    again = shutil.copytree(written, tmp_path / "moved")
    names = ["report.html", "report.md", "summary.json", "figures/cycle.png", "figures/losses.png"]
    names += [str(file.relative_to(written)) for file in written.glob("tensorboard/*/*/events*")]
    for name in names:
        (again / name).unlink()
    write_report(again)
    for name in names:
        assert (again / name).read_bytes() == (written / name).read_bytes(), name
    assert not [path for path in again.rglob(".*") if path.is_file()]


def test_hostile_names_stay_text(tmp_path):
    folder = build(tmp_path, dataset=EVIL)
    with editing(folder / "audit.json") as audit:
        audit["unreadable"][0]["name"] = audit["duplicates"][0]["name"] = EVIL
    with editing(folder / "experiment.json") as record:
        record["configuration"]["titles"] = {"a": EVIL, "b": '"><img src=x onerror=alert(2)>'}
    html, markdown = pages(folder)
    assert EVIL in check_self_contained(html).text
    markdown = outside_fences(markdown)
    assert "<script" not in markdown and "<img" not in markdown
    assert r"&lt;script&gt;alert(1)&lt;/script&gt;\|\*x\*" in markdown


def test_a_pipe_in_a_name_does_not_add_a_cell_in_markdown(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "experiment.json") as record:
        record["configuration"]["titles"] = {"a": "day|noon", "b": "night"}
    rows = [line for line in pages(folder)[1].splitlines() if line.startswith("| KID")]
    assert rows and all(len(re.findall(r"(?<!\\)\|", row)) == 9 for row in rows)


def test_fid_is_said_to_be_absent_and_fd_never_called_fid(plain_pages):
    for text in plain_pages:
        assert FID in text and "FD-EffLite0@12" in text
        assert "FID" not in re.sub(r'"data:[^"]*"', "", text).replace(FID, "")


def test_fid_is_shown_with_its_count_once_it_was_computed(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "metrics.json") as metrics:
        for table in ("scores", "differences", "references"):
            rows = [row for row in metrics[table] if row["metric"] == "fd_efflite0"]
            metrics[table] += [{**row, "metric": "fid"} for row in rows if row.get("step") != 0]
    for text in pages(folder):
        assert "FID@12" in text and "not computed" not in text


def test_long_findings_are_folded_and_short_ones_are_not(plain_pages):
    html, _ = plain_pages
    folded = re.findall(r"<details>.*?</details>", html, re.DOTALL)
    assert any("11 pairs of images with equal pixels" in part for part in folded)
    assert any("testA/testa_010.jpg = trainA/traina_010.jpg" in part for part in folded)
    assert not any("trainB/trainb_007.jpg" in part for part in folded)
    assert "trainB/trainb_007.jpg" in html and "trainA/broken.jpg: truncated file" in html


def test_unfinished_runs_are_listed(tmp_path):
    folder = build(tmp_path)
    write_run(folder, "cpu-example", "tf", 1, state="interrupted")
    for text in pages(folder):
        assert "cpu-example/tf-seed1: interrupted at step 100 of 200" in text
        assert "left out of every number" in text


def test_a_folder_without_a_complete_run_still_has_a_report(tmp_path):
    folder = build(tmp_path, backends=())
    (folder / "metrics.json").unlink()
    write_run(folder, "cpu-example", "torch", 0, state="running")
    text = write_report(folder).read_text()
    assert "No run is complete yet" in text and "running at step 100 of 200" in text
    assert read_json(folder / "summary.json")["metrics"] == []


def test_differing_environments_are_warned_about(plain_pages, tmp_path):
    folder = build(tmp_path)
    with editing(folder / "runs/cpu-example/tf-seed0/environment.json") as record:
        record["threads"] = 8
        record["versions"]["numpy"] = "1.0"
    html, _ = pages(folder)
    assert "threads differs: 8 (cpu-example/tf-seed0); 2 (cpu-example/torch-seed0)" in html
    assert "version of numpy differs: 1.0 (cpu-example/tf-seed0); 2.4.6" in html
    assert "like for like" not in plain_pages[0]


def test_a_missing_record_is_a_user_error(tmp_path):
    folder = build(tmp_path)
    (folder / "runs/cpu-example/tf-seed0/blocks.csv").unlink()
    with pytest.raises(UserError, match=r"blocks\.csv: no such file"):
        write_report(folder)
    assert not (folder / "report.html").exists() and not (folder / "summary.json").exists()


def test_galleries_hold_original_backends_and_truth_at_the_same_indices(tmp_path):
    found = {gallery.name: gallery for gallery in galleries(load(build(tmp_path)))}
    assert list(found) == ["ab", "ba", "aba", "bab", "identity_a", "identity_b"]
    titles = [column.title for column in found["ab"].columns]
    gap = next(title for title in titles if title.startswith("difference, 0 to "))
    assert titles == ["original (summer)", "PyTorch", "TensorFlow", gap, "truth"]
    back = [column.title for column in found["bab"].columns]
    assert back[:3] == ["original (winter)", *titles[1:3]]
    assert len(back) == 4 and back[3].startswith("difference, 0 to ")
    assert found["ab"].indices == (0, 2, 4, 6, 8, 10)


def test_the_first_screen_shows_one_image_of_each_direction(tmp_path):
    rows = picture_row(galleries(load(build(tmp_path))))
    assert [gallery.name for gallery in rows] == ["first_ab", "first_ba"]
    for gallery, side in zip(rows, ("summer", "winter"), strict=True):
        titles = [column.title for column in gallery.columns]
        assert titles == [f"original ({side})", "PyTorch", "TensorFlow"]
        assert gallery.indices == (0,)


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


@pytest.mark.parametrize("sign", "\u00d7\u2212→←⇄±≤…éßλЖ")
def test_signs_in_titles_of_pictures_are_drawn(sign):
    """A font without one draws the same empty box for all of them."""
    font = _font()
    assert bytes(font.getmask(sign)) != bytes(font.getmask("\uffff"))


def test_a_backend_keeps_its_colour_when_another_is_absent(tmp_path):
    folder = build(tmp_path)
    before = load(folder)
    shutil.rmtree(folder / "runs/cpu-example/torch-seed0")
    assert colour(load(folder), "tf") == colour(before, "tf") != colour(before, "torch")


def test_a_list_of_ten_thousand_files_is_cut_and_says_where_the_rest_is(tmp_path):
    folder = build(tmp_path, backends=())
    with editing(folder / "audit.json") as audit:
        audit["greyscale"] = [{"split": "trainA", "name": f"{i:05d}.png"} for i in range(10_000)]
    for text in pages(folder):
        assert "10,000 images stored without colour" in text
        assert "00199.png" in text and "00200.png" not in text
        assert "and 9,800 more" in text


def test_the_command_makes_the_same_configuration(tmp_path):
    """As it would be typed: a shell's words, and what they make of the preset."""
    folder = build(tmp_path)
    settings = ["model.blocks=2", "optimiser.beta1=0.4", "data.resize=bilinear"]
    asked = load_experiment("seasons", "quick", settings)
    configuration = asked.model_dump(mode="json", exclude={"dataset", "preset"})
    with editing(folder / "experiment.json") as record:
        record |= {"dataset": "seasons", "preset": "quick"}
        record["configuration"] = {**configuration, "backends": ["torch", "tf"]}
    words = shlex.split(command(load(folder)))
    assert words[:2] == ["make", "compare"]
    given = dict(word.split("=", 1) for word in words[2:])
    assert given["DATASET"] == "seasons" and given["SEEDS"] == "0" and given["DEVICE"] == "cpu"
    again = load_experiment(given["DATASET"], given["PRESET"], given["SET"].split())
    assert again == asked


def photographs_of(folder, count):
    files = sorted(folder.iterdir())[:count]
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


def test_a_page_of_photographs_is_below_15_mb(tmp_path, photographs):
    folder = build(tmp_path, size=8, paired=False)
    with editing(folder / "experiment.json") as record:
        record["configuration"]["data"]["crop_size"] = SIDE
    references = read_arrays(folder / "references.safetensors")
    splits = {"real_a": "testA", "real_b": "testB", "floor_a": "trainA", "floor_b": "trainB"}
    for name, split in splits.items():
        source = photographs / "summer2winter_yosemite" / split
        references[name] = photographs_of(source, len(references[name]))
    write_arrays(folder / "references.safetensors", references)
    grain = np.random.default_rng(0).normal(40, GRAIN, references["real_a"].shape)
    for file in folder.glob("runs/*/*/evaluations/*.safetensors"):
        arrays = read_arrays(file)
        for name in arrays.keys() & {"ab", "ba", "aba", "bab", "identity_a", "identity_b"}:
            image = references[f"real_{name.removeprefix('identity_')[0]}"]
            arrays[name] = np.clip(0.8 * image + grain, 0, 255).astype(np.uint8)
        write_arrays(file, arrays)
    assert 5e6 < len(pages(folder)[0]) < 15e6 - FIGURES
