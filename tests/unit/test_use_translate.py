"""Files and folders through `translate`: names, formats, what is refused and what stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trained_run import write_run

from harness.cli import main
from harness.data.resize import resize
from harness.system.errors import UserError, WorkerFailed
from harness.tools.translate import translate as translating
from harness.tools.translate.translate import TranslationRequest, translate


def quiet(name: str, done: int, total: int) -> None:
    pass


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (20, 16), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if mode == "L" else (*size, 3)
    pixels = np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), "torch")


@pytest.fixture
def request_(run: Path, tmp_path: Path) -> TranslationRequest:
    for number, name in enumerate(("a.png", "b.jpg", "deep/er/c.bmp")):
        picture(tmp_path / "in" / name, number, (20 - number, 16 + number))
    (tmp_path / "in" / "notes.txt").write_text("no image")
    picture(tmp_path / "in" / ".hidden" / "d.png")
    return TranslationRequest(run, tmp_path / "in", tmp_path / "out", device="cpu")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_keeps_its_names_and_every_image_its_size(request_):
    done = translate(request_, quiet)
    assert (done.images, done.direction, done.backend) == (3, "ab", "torch")
    assert files(request_.to) == ["a.png", "b.png", "deep/er/c.png"]
    shapes = [pixels(request_.to / name).shape for name in files(request_.to)]
    assert shapes == [(20, 16, 3), (19, 17, 3), (18, 18, 3)]
    assert list(request_.to.rglob(".*")) == []
    assert [(file.name, file.problem) for file in done.left_out] == [
        ("notes.txt", ".txt files are not read")
    ]


def test_the_other_direction_is_another_translation(request_):
    translate(request_, quiet)
    back = replace(request_, direction="winter2summer", to=request_.to.parent / "back")
    assert translate(back, quiet).direction == "ba"
    assert not np.array_equal(pixels(request_.to / "a.png"), pixels(back.to / "a.png"))


def test_with_a_size_images_are_resized_as_test_images_are(request_):
    one = replace(request_, pictures=request_.pictures / "b.jpg", size=16)
    translate(one, quiet)
    with Image.open(one.pictures) as image:
        small = resize(image, 16, "bicubic")
    Image.fromarray(small).save(one.to.parent / "small.png")
    translate(replace(one, pictures=one.to.parent / "small.png", size=None), quiet)
    assert pixels(one.to / "b.png").shape == (16, 16, 3)
    assert np.array_equal(pixels(one.to / "b.png"), pixels(one.to / "small.png"))


def test_jpeg_keeps_the_extension_that_a_jpeg_had(request_):
    picture(request_.pictures / "e.JPEG")
    translate(replace(request_, kind="jpeg"), quiet)
    assert files(request_.to) == ["a.jpg", "b.jpg", "deep/er/c.jpg", "e.JPEG"]
    with Image.open(request_.to / "a.jpg") as image:
        assert image.format == "JPEG"


def test_a_grey_domain_is_read_and_written_grey(tmp_path):
    colours = ("data.channels_a=1", "objective.identity=0")
    run = write_run(tmp_path / "run", "torch", colours)
    request = TranslationRequest(
        run, picture(tmp_path / "in" / "a.png"), tmp_path / "b.png", device="cpu"
    )
    translate(request, quiet)
    assert pixels(request.to).shape == (20, 16, 3)
    back = replace(request, pictures=request.to, to=tmp_path / "a.png", direction="ba")
    translate(back, quiet)
    assert pixels(back.to).shape == (20, 16)


def test_nothing_is_overwritten_unless_asked_for(request_):
    translate(request_, quiet)
    before = (request_.to / "a.png").stat().st_mtime_ns
    with pytest.raises(UserError, match=r"out/a.png: is there already; add --overwrite"):
        translate(request_, quiet)
    assert (request_.to / "a.png").stat().st_mtime_ns == before
    translate(replace(request_, overwrite=True), quiet)
    assert (request_.to / "a.png").stat().st_mtime_ns > before


def test_translations_within_the_folder_are_no_input_of_the_next_time(request_):
    inside = replace(request_, to=request_.pictures / "out", overwrite=True)
    assert translate(inside, quiet).images == translate(inside, quiet).images == 3


def test_an_image_never_replaces_itself(request_):
    for to in (request_.pictures, request_.pictures / "a.png"):
        one = replace(request_, pictures=request_.pictures / "a.png", to=to, overwrite=True)
        with pytest.raises(UserError, match="no translation to be replaced"):
            translate(one, quiet)
    with pytest.raises(UserError, match="holds the images themselves"):
        translate(replace(request_, to=request_.pictures / "." / "deep" / ".."), quiet)


def test_two_images_of_one_name_are_refused(request_):
    picture(request_.pictures / "a.jpg")
    with pytest.raises(UserError, match=r"a.png: would become a.png, as a.jpg would"):
        translate(request_, quiet)
    assert not request_.to.exists()


def test_a_damaged_image_is_found_before_anything_is_written(request_):
    bad = request_.pictures / "z.png"
    bad.write_bytes((request_.pictures / "a.png").read_bytes()[:200])
    with pytest.raises(UserError, match=r"z.png: .*; replace it, or leave it out"):
        translate(request_, quiet)
    assert not request_.to.exists()


def test_the_command_says_how_many_images_went_where(request_, capsys):
    arguments = ["translate", request_.model, request_.pictures, "--to", request_.to]
    options = ["--size", "keep", "--direction", "ba", "--device", "cpu"]
    assert main([str(argument) for argument in (*arguments, *options)]) == 0
    assert capsys.readouterr().out == (
        f"3 images -> {request_.to} (winter to summer, by torch)\n"
        "Left out: 1 that are no images (the first: notes.txt, .txt files are not read)\n"
    )


def test_too_little_memory_is_said_with_what_to_do_and_what_is_done_stays(request_, monkeypatch):
    real = translating.load_backend

    class Small:
        """Has no memory for 20 x 20 px, what the second image is mirrored to."""

        def __init__(self, backend):
            self.backend = backend

        def translate(self, images, direction):
            if images.shape[1] == 20 and images.shape[2] == 20:
                raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
            return self.backend.translate(images, direction)

    monkeypatch.setattr(translating, "load_backend", lambda *given: Small(real(*given)))
    with pytest.raises(WorkerFailed, match=r"b.jpg: too large for the memory there is; give"):
        translate(request_, quiet)
    assert files(request_.to) == ["a.png"]
