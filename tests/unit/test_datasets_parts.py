"""80/10/10 by name alone: stable when files come or go; validation instead of test on request."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from datasets_helpers import picture, png, present, write_set
from datasets_published import write_domain

from harness.data import Prepared, prepare
from harness.data.labels import read_labels, write_lines
from harness.data.layout import SPLITS, part_of, place_of
from harness.data.linking import divided
from harness.system.errors import UserError

NAMES = [f"class{index % 7}__real_{index:06d}.jpg" for index in range(5000)]
PARTS = ("train", "validation", "test")
VALIDATION = [2, 6, 8, 15, 23, 31, 35]
TEST = [11, 13, 21, 22, 33]


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for domain in ("photo", "line-art", "line"):
        write_domain(tmp_path / "data" / "pacs", domain)
    return tmp_path / "data" / "pacs"


def names_in(prepared: Prepared) -> dict[str, set[str]]:
    return {split: {file.name for file in prepared.manifest.splits[split]} for split in SPLITS}


def test_parts_are_eighty_ten_and_ten_in_a_hundred_of_every_class() -> None:
    counts = Counter(map(part_of, NAMES))
    # Four standard deviations of a binomial count of 5,000.
    assert abs(counts["train"] - 4000) < 4 * (5000 * 0.8 * 0.2) ** 0.5
    for part in ("validation", "test"):
        assert abs(counts[part] - 500) < 4 * (5000 * 0.1 * 0.9) ** 0.5
    for kind in range(7):
        tests = [part_of(name) == "test" for name in NAMES if name.startswith(f"class{kind}_")]
        assert 0.06 < sum(tests) / len(tests) < 0.14


def test_parts_are_these_for_ever() -> None:
    """Another rule would make results incomparable with earlier ones without a word."""
    parts = [part_of(f"{index:05d}.png") for index in range(40)]
    assert [index for index, part in enumerate(parts) if part == "validation"] == VALIDATION
    assert [index for index, part in enumerate(parts) if part == "test"] == TEST


def test_files_of_one_stem_share_a_part() -> None:
    assert all(part_of(name) == part_of(name.replace(".jpg", ".png")) for name in NAMES)
    # Names that are not UTF-8 have a part, too.
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    assert part_of(name) in ("train", "validation", "test")


def test_a_pair_of_folders_of_classes_is_named_with_a_colon(root: Path) -> None:
    prepared = prepare("pacs:photo-line", root.parent)
    assert prepared.located.name == "pacs-photo-line"
    assert prepared.located.titles == ("photo", "line")
    names = names_in(prepared)
    assert {part_of(name) for name in names["testA"] | names["testB"]} == {"test"}
    assert "test" not in {part_of(name) for name in names["trainA"] | names["trainB"]}
    assert len(names["trainA"]) + len(names["testA"]) == 60
    link = prepared.located.folder / "testA" / sorted(names["testA"])[0]
    kind, _, name = link.name.partition("__")
    assert link.read_bytes() == (root / "photo" / kind / name).read_bytes()
    assert read_labels(prepared.manifest) is None


@pytest.mark.parametrize("typed", ["pacs:line-art-photo", "{root}:line-art-photo"])
def test_hyphens_in_names_and_every_way_to_give_the_folder(root: Path, typed: str) -> None:
    prepared = prepare(typed.format(root=root), root.parent)
    assert prepared.located.titles == ("line-art", "photo")
    assert prepare("pacs:line-art-photo", root).located == prepared.located
    assert prepare(f"../data/pacs:{'line-art-photo'}").located == prepared.located


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("pacs:line-art-photo", "more than one way to divide it"),
        ("pacs:photo-pen", "not two different folders there; .*pacs has line, line-art, photo;"),
        ("pacs:photo-photo", "not two different folders"),
        ("pacs:photo", "not two different folders"),
        ("pacs:", "not two different folders"),
        ("pax:photo-line", "'pax': no such folder in "),
        ("./pax:photo-line", r"'\./pax': no such folder"),
        (":photo-line", "not a known data set.*FOLDER:A-B"),
    ],
)
def test_a_pair_that_is_not_there_is_refused_with_what_is(
    root: Path, typed: str, words: str
) -> None:
    if "line-art" in typed:
        write_domain(root, "art-photo")
    with pytest.raises(UserError, match=words) as caught:
        prepare(typed, root.parent)
    assert "\n" not in str(caught.value) and "FOLDER:A-B" in str(caught.value)


def test_adding_files_moves_no_other(root: Path) -> None:
    first = prepare("pacs:photo-line", root.parent)
    before = names_in(first)
    # Linked again only when a file changed.
    inode = first.located.folder.stat().st_ino
    again = prepare("pacs:photo-line", root.parent).located
    assert again == first.located and again.folder.stat().st_ino == inode
    write_domain(root, "photo", classes=5, count=45)
    more = prepare("pacs:photo-line", root.parent)
    after = names_in(more)
    assert more.located.folder != again.folder
    assert sum(map(len, after.values())) == 225 + 60
    assert all(before[split] <= after[split] for split in SPLITS)
    (root / "photo" / "class0" / "photo_000_000000.png").write_bytes(png(picture(77)))
    assert prepare("pacs:photo-line", root.parent).located.folder != more.located.folder
    for path in random.Random(1).sample(sorted(root.glob("photo/*/*")), 100):
        path.unlink()
    left = names_in(prepare("pacs:photo-line", root.parent))
    assert sum(map(len, left.values())) == 125 + 60
    assert all(left[split] <= after[split] for split in SPLITS)


def test_files_are_copied_where_there_are_no_links(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    prepared = prepare("pacs:photo-line", root.parent)
    for file in prepared.manifest.splits["trainA"]:
        path = prepared.located.folder / "trainA" / file.name
        kind, _, name = file.name.partition("__")
        assert not path.is_symlink()
        assert path.read_bytes() == (root / "photo" / kind / name).read_bytes()


def test_what_is_no_image_of_a_class_is_left_out_and_named(root: Path) -> None:
    others = ("readme.txt", "class0/notes.txt", "class0/.x.png", ".git/a.png", "class0/.git/b.png")
    for name in (*others, "cover.png"):
        (root / "photo" / name).parent.mkdir(exist_ok=True)
        (root / "photo" / name).write_bytes(png(picture(5)))
    lines: list[str] = []
    prepared = prepare("pacs:photo-line", root.parent, report=lines.append)
    # One beside the classes is an image of the domain, too.
    assert sum(map(len, names_in(prepared).values())) == 121
    assert {file.name: file.problem for file in prepared.audit.unreadable} == {
        "readme.txt": ".txt files are not read",
        "class0__notes.txt": ".txt files are not read",
        ".class0__.x.png": "hidden",
        ".git__a.png": "hidden",
        ".class0__.git__b.png": "hidden",
    }
    assert "2 of 126 files left out (the first: trainA/class0__notes.txt, .txt" in lines[-1]


def test_domains_without_enough_images_are_refused(root: Path) -> None:
    (root / "none" / "class0").mkdir(parents=True)
    with pytest.raises(UserError, match=r"none: no images in or below it; put some there \("):
        prepare("pacs:photo-none", root.parent)
    (root / "none" / "class0" / "1.png").write_bytes(png(picture(1)))
    with pytest.raises(UserError, match="none: of its 1 images none can be put by for the test"):
        prepare("pacs:photo-none", root.parent)


def test_two_images_are_enough_to_divide() -> None:
    """Where the rule leaves a part empty, the image next to it stands in, with its twins."""
    by_part = {part: [n for n in map(str, range(200)) if part_of(n) == part] for part in PARTS}
    train = by_part["train"][:5]
    last = max(train, key=place_of)
    rest, held = divided([*train, f"{last}.png"], "test")
    assert held == [last, f"{last}.png"] and sorted(rest + held[:1]) == sorted(train)
    tests = by_part["test"][:5]
    assert divided(tests, "test")[0] == [min(tests, key=place_of)]
    # Where it leaves none empty it holds.
    assert divided([*train, *tests], "test") == (train, tests)
    assert divided([*train, *tests], "validation")[1] == [max(tests, key=place_of)]
    with pytest.raises(ValueError, match="cannot be divided"):
        divided(["a.png", "a.jpg"], "test")


def test_domains_of_plain_images_are_divided_as_classes_are(root: Path) -> None:
    for domain in ("dogs", "cats"):
        for index in range(40):
            (root / domain).mkdir(exist_ok=True)
            (root / domain / f"{index:05d}.png").write_bytes(png(picture(index, len(domain))))
    prepared = prepare("pacs:dogs-cats", root.parent)
    assert prepared.located.titles == ("dogs", "cats")
    for letter in "AB":
        assert names_in(prepared)[f"test{letter}"] == {f"{index:05d}.png" for index in TEST}


def test_a_class_may_be_called_train(root: Path) -> None:
    for domain in ("photo", "line"):
        (root / domain / "train").mkdir()
        (root / domain / "train" / "engine.png").write_bytes(png(picture(3, len(domain))))
    names = names_in(prepare("pacs:photo-line", root.parent))
    assert sum(map(len, names.values())) == 122


def test_two_files_of_one_new_name_are_refused(root: Path) -> None:
    for folder, name in (("a", "b__c.png"), ("a__b", "c.png")):
        (root / "photo" / folder).mkdir()
        (root / "photo" / folder / name).write_bytes(png(picture(1)))
    with pytest.raises(UserError, match=r"would be called a__b__c.png, as .* rename one"):
        prepare("pacs:photo-line", root.parent)


def test_validation_of_a_pair_never_touches_its_test_images(root: Path) -> None:
    test = names_in(prepare("pacs:photo-line", root.parent))
    held = prepare("pacs:photo-line", root.parent, hold_out="validation")
    assert held.located.name == "pacs-photo-line-validation"
    assert held.located.titles == ("photo", "line")
    names = names_in(held)
    for letter in "AB":
        assert names[f"train{letter}"] | names[f"test{letter}"] == test[f"train{letter}"]
        assert {part_of(name) for name in names[f"test{letter}"]} == {"validation"}
        assert {part_of(name) for name in names[f"train{letter}"]} == {"train"}
    assert prepare("pacs:photo-line", root.parent, hold_out="validation").located == held.located


def test_validation_of_a_folder_holds_out_a_tenth_of_training(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "faces", count=50)
    rows = {
        (split, f"{index}.png"): f"{split}{index % 3}" for split in SPLITS for index in range(40)
    }
    write_lines(folder / "labels.csv", rows.items())
    for truth in ("testA_in_B", "testB_in_A"):
        (folder / truth).mkdir()
        for index in range(50):
            (folder / truth / f"{index}.png").write_bytes(png(picture(index)))
    assert prepare(str(folder)).manifest.paired
    prepared = prepare(str(folder), hold_out="validation")
    names = names_in(prepared)
    wanted = {f"{i}.png" for i in range(50) if part_of(f"{i}.png") == "validation"}
    assert names["testA"] == names["testB"] == wanted and wanted
    assert names["trainA"] == names["trainB"] == {f"{i}.png" for i in range(50)} - wanted
    for file in prepared.manifest.splits["testA"]:
        path = prepared.located.folder / "testA" / file.name
        assert path.read_bytes() == (folder / "trainA" / file.name).read_bytes()
    assert not prepared.manifest.paired
    labels = read_labels(prepared.manifest)
    assert labels is not None
    for split in SPLITS:
        for file, code in zip(prepared.manifest.splits[split], labels.codes[split], strict=True):
            index = int(file.name.removesuffix(".png"))
            label = f"train{split[-1]}{index % 3}" if index < 40 else None
            assert (labels.classes[code] if code >= 0 else None) == label


def test_a_changed_label_or_image_makes_validation_again(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "faces", count=30)
    first = prepare(str(folder), hold_out="validation").located.folder
    write_lines(folder / "labels.csv", {("trainA", "1.png"): "x"}.items())
    second = prepare(str(folder), hold_out="validation").located.folder
    (folder / "trainA" / "30.png").write_bytes(png(picture(999)))
    third = prepare(str(folder), hold_out="validation").located.folder
    assert len({first, second, third}) == 3
    (third / "labels.csv").unlink()
    assert prepare(str(folder), hold_out="validation").located.folder == third
    assert (third / "labels.csv").is_file()


def test_validation_of_the_built_in_set_and_of_too_small_a_one(tmp_path: Path) -> None:
    prepared = prepare("seasons", size=16, counts=(16, 1), hold_out="validation")
    assert prepared.located.titles == ("summer", "winter")
    counts = prepared.audit.counts
    assert counts["trainA"] + counts["testA"] == 16 and counts["testA"] > 0
    folder = write_set(tmp_path / "few", count=1)
    with pytest.raises(UserError, match=r"trainA: of its 1 images none can be put by for the"):
        prepare(str(folder), hold_out="validation")
    with pytest.raises(UserError, match="hold_out: 'train' is not known; give test or validation"):
        prepare(str(folder), hold_out="train")  # type: ignore[arg-type]


def test_the_real_folders_of_classes_run_through_the_same_code(photographs: Path) -> None:
    domains = ("art_painting", "cartoon", "photo", "sketch")
    present(photographs / "pacs_mini")
    for a, b in zip(domains, (*domains[1:], domains[0]), strict=True):
        whole = prepare(f"pacs_mini:{a}-{b}", photographs)
        part = prepare(f"pacs_mini:{a}-{b}", photographs, hold_out="validation")
        assert whole.audit.unreadable == part.audit.unreadable == ()
        counts, parts = whole.audit.counts, part.audit.counts
        assert sum(counts.values()) == 42
        for side in "AB":
            assert parts[f"train{side}"] + parts[f"test{side}"] == counts[f"train{side}"]
