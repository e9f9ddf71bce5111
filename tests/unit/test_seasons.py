"""The drawn data set: one scene, two seasons, any size, the same on every machine."""

import hashlib
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.layout import ALL_SPLITS, SPLITS
from harness.data.seasons import FIRST_SCENE, render, write_seasons
from harness.data.seasons.noise import lattice
from harness.data.seasons.scene import compose
from harness.data.seasons.survey import CONIFER, FOREST, LAKE, MEADOW, ROCK, SKY, survey

# Mean of each cell of a 4 x 4 grid over all channels, in grey levels, of scene 7 at 64 px.
FINGERPRINT = {
    "summer": [156.5, 149.6, 168.4, 170.6, 111.6, 154.8, 139.0, 139.6,
               69.3, 86.8, 73.6, 66.3, 69.1, 75.6, 87.1, 63.1],
    "winter": [189.8, 186.7, 195.9, 197.4, 181.0, 206.1, 196.7, 210.1,
               152.4, 182.7, 171.7, 144.1, 187.2, 199.6, 204.2, 162.6],
}  # fmt: skip


def coarse(picture: np.ndarray, cells: int) -> np.ndarray:
    side = picture.shape[0] // cells
    return picture.astype(float).reshape(cells, side, cells, side, -1).mean((1, 3))


def edges(picture: np.ndarray) -> np.ndarray:
    grey = picture.astype(float).mean(2)
    return np.hypot(np.diff(grey, axis=0)[:, 1:], np.diff(grey, axis=1)[1:])


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def read(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "seasons"
    write_seasons(folder, size=48, train=3, test=2)
    return folder


def test_render_is_a_square_rgb_picture_of_the_asked_size():
    for size in (16, 33, 72):
        picture = render(0, "summer", size)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8


def test_another_process_draws_the_same_bits():
    code = (
        "import hashlib; from harness.data.seasons import render;"
        "print(hashlib.sha256(render(11, 'winter', 72).tobytes()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert other == hashlib.sha256(render(11, "winter", 72).tobytes()).hexdigest()


def test_drawing_other_scenes_between_changes_nothing():
    before = render(5, "summer", 64)
    render(6, "winter", 32)
    assert np.array_equal(before, render(5, "summer", 64))


@pytest.mark.parametrize("season", ["summer", "winter"])
def test_scene_7_is_the_recorded_picture(season):
    grid = coarse(render(7, season, 64), 4).mean(2).ravel()
    np.testing.assert_allclose(grid, FINGERPRINT[season], atol=1.5)


def test_a_noise_lattice_does_not_depend_on_what_else_is_drawn():
    alone = lattice(3, "cloud", 8, 8)
    lattice(3, "grass", 100, 100)
    assert np.array_equal(alone, lattice(3, "cloud", 8, 8))
    assert not np.array_equal(alone, lattice(3, "grass", 8, 8))
    assert not np.array_equal(alone, lattice(4, "cloud", 8, 8))


@pytest.mark.parametrize(
    ("scene", "season"), [(0, "summer"), (4, "winter"), (9, "winter"), (23, "summer")]
)
def test_64_and_256_pixels_show_the_same_picture(scene, season):
    small, large = render(scene, season, 64), coarse(render(scene, season, 256), 64)
    assert np.abs(small - large).mean() < 8
    assert correlation(small, large) > 0.93


@pytest.fixture(scope="module")
def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Ten scenes at 64 px, float, each in summer and in winter."""
    return [
        (render(scene, "summer", 64).astype(float), render(scene, "winter", 64).astype(float))
        for scene in range(10)
    ]


def test_both_seasons_share_their_geometry(pairs):
    summer, winter = ([edges(picture) for picture in season] for season in zip(*pairs, strict=True))
    own = list(map(correlation, summer, winter))
    other = list(map(correlation, summer, winter[1:] + winter[:1]))
    assert min(own) > max(other) + 0.1
    assert np.mean(own) > 0.5


def test_seasons_differ_strongly_in_colour(pairs):
    for summer, winter in pairs:
        assert np.abs(summer - winter).mean() > 45
        assert winter[48:].mean() > summer[48:].mean() + 60
        # Winter ground is white, summer ground is not grey.
        assert np.ptp(winter[56:].mean((0, 1))) < 40
        assert np.ptp(summer[56:].mean((0, 1))) > 40


def test_scenes_differ(pairs):
    for (first, _), (second, _) in combinations(pairs, 2):
        assert np.abs(first - second).mean() > 8


def test_scenes_have_every_material_and_some_have_no_lake():
    scenes = [compose(number) for number in range(40)]
    share = sum(scene.lake is not None for scene in scenes) / 40
    assert 0.5 < share < 0.95
    for scene in scenes[:10]:
        seen = set(np.unique(survey(scene, 64, 128).material))
        assert seen >= {SKY, ROCK, FOREST, MEADOW, CONIFER}
        assert (LAKE in seen) == (scene.lake is not None)


def test_summer_lake_mirrors_the_mountains():
    numbers = [number for number in range(20) if compose(number).lake]
    for number in numbers[:4]:
        surface = survey(compose(number), 128, 128)
        picture = render(number, "summer", 128).astype(float).mean(2)
        shore = int(compose(number).shore * 128)
        rows, columns = np.nonzero(surface.material == LAKE)
        near = (rows < shore + 24) & (rows > shore + 2)
        rows, columns = rows[near], columns[near]
        mirror = picture[2 * shore - rows - 1, columns]
        stranger = picture[2 * shore - rows - 1, (columns + 41) % 128]
        own = correlation(picture[rows, columns], mirror)
        assert own > 0.5
        assert own > correlation(picture[rows, columns], stranger)


@pytest.mark.parametrize(
    ("scene", "season", "size"), [(-1, "summer", 64), (0, "autumn", 64), (0, "summer", 8)]
)
def test_impossible_drawings_are_refused(scene, season, size):
    with pytest.raises(ValueError, match="cannot draw"):
        render(scene, season, size)


def test_write_fills_six_folders_with_pictures_of_one_size(written):
    assert sorted(path.name for path in written.iterdir()) == sorted(ALL_SPLITS)
    for split, count in zip(ALL_SPLITS, (3, 3, 2, 2, 2, 2), strict=True):
        pictures = read(written / split)
        assert len(pictures) == count
        assert {picture.shape for picture in pictures.values()} == {(48, 48, 3)}


def test_splits_show_different_scenes(written):
    names = [set(read(written / split)) for split in SPLITS]
    assert len(set.union(*names)) == 10
    starts = sorted(FIRST_SCENE.values())
    assert min(np.diff(starts)) >= 1_000_000


def test_true_pairs_are_the_other_season_of_the_same_scene(written):
    for split, pair, season in (
        ("testA", "testA_in_B", "winter"),
        ("testB", "testB_in_A", "summer"),
    ):
        pictures, truths = read(written / split), read(written / pair)
        assert pictures.keys() == truths.keys()
        for name, truth in truths.items():
            scene = int(name.removeprefix("scene_").removesuffix(".png"))
            assert np.array_equal(truth, render(scene, season, 48))
            other = "summer" if season == "winter" else "winter"
            assert np.array_equal(pictures[name], render(scene, other, 48))


def test_train_a_is_summer_and_train_b_is_winter(written):
    for split, season in (("trainA", "summer"), ("trainB", "winter")):
        for number, picture in enumerate(read(written / split).values()):
            assert np.array_equal(picture, render(FIRST_SCENE[split] + number, season, 48))
