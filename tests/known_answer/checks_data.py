"""Images, labels, digests and the plan of a run, against the known data set and plain draws."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import known_backend as known
import known_set
import numpy as np
from known_world import PER_EPOCH, STEPS, TIMED, World

from harness.system.files import read_arrays, read_json

RATE, DISCRIMINATOR_RATE, POOL = 0.0002, 0.0005, 3
A = known_set.stack("testA", known_set.SHOWN_A)
B = known_set.stack("testB", known_set.SHOWN_B)


def draws(seed: int, name: str) -> np.random.Generator:
    key = hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key, np.uint64)))


def resized(split: str, indices: list[int]) -> np.ndarray:
    """Training images at the size of test images, as Pillow does it."""
    side = known_set.SIDE
    return np.stack(
        [
            np.asarray(known_set.Image.fromarray(image).resize((side, side), 3))  # bicubic
            for image in known_set.stack(split, indices)
        ]
    )


# ---------------------------------------------------------------------------------------- data


def references(world: World) -> None:
    """Evenly spaced test images; floors of the train split, as many; the true pairs."""
    wanted = {
        "real_a": A,
        "real_b": B,
        "floor_a": resized("trainA", known_set.FLOOR_A),
        "floor_b": resized("trainB", known_set.FLOOR_B),
        "truth_ab": known_set.truths("testA", known_set.SHOWN_A),
        "truth_ba": known_set.truths("testB", known_set.SHOWN_B),
    }
    assert set(world.references) == set(wanted)
    for name, images in wanted.items():
        found = world.references[name]
        assert found.shape == images.shape, f"{name}: {found.shape}"
        assert np.array_equal(found, images), f"{name}: other images"


def labels(world: World) -> None:
    """Of the images that are shown; a judge is trained on labelled ones of the train split."""
    found = read_arrays(world.folder / "labels.safetensors")
    for side, shown in (("A", known_set.SHOWN_A), ("B", known_set.SHOWN_B)):
        test, train, count = f"test{side}", f"train{side}", known_set.COUNTS[f"train{side}"]
        wanted = [
            -1 if (test, i) == known_set.UNLABELLED else known_set.label(test, i) for i in shown
        ]
        assert found[f"test_labels_{side.lower()}"].tolist() == wanted, f"labels of {test}"
        trained = [known_set.label(train, i) for i in range(count)]
        assert found[f"train_labels_{side.lower()}"].tolist() == trained, f"labels of {train}"
        grey = [
            np.asarray(known_set.Image.fromarray(image).convert("L")).mean()
            for image in known_set.stack(train, range(count))
        ]
        means = found[f"train_images_{side.lower()}"].mean((1, 2))
        assert np.abs(means - grey).max() < 1.5, f"images that the judge of {side} learns from"


def manifest(world: World) -> None:
    """Every file of every split by name and checksum, in the order of the names."""
    document = read_json(world.folder / "manifest.json")
    source = world.folder.parents[1] / "data" / known_set.NAME
    splits = {}
    for split, count in {
        **known_set.COUNTS, "testA_in_B": known_set.COUNTS["testA"],
        "testB_in_A": known_set.COUNTS["testB"],
    }.items():  # fmt: skip
        files = [source / split / known_set.file_name(i) for i in range(count)]
        splits[split] = [
            {"name": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for file in files
        ]
    assert document["splits"] == splits and document["paired"] is True
    text = json.dumps(splits, sort_keys=True, separators=(",", ":"))
    assert document["digest"] == hashlib.sha256(text.encode()).hexdigest()
    audit = read_json(world.folder / "audit.json")
    assert (audit["duplicates"], audit["greyscale"], audit["unreadable"]) == ([], [], [])


def folder_name(world: World) -> None:
    """Hash of settings, images, deciding sources, packages and the version of the records."""
    root = Path(__file__).parents[2]
    rooms = ["config", "data", "plan", "processes", "records", "system", "training"]
    places = [root / "backends", root / "harness/__init__.py"]
    places += [root / "harness" / room for room in rooms]
    sources = hashlib.sha256()
    for place in places:
        for file in sorted(place.rglob("*.py")) or [place]:
            sources.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    head = read_json(world.folder / "experiment.json")
    settings = {
        key: value
        for key, value in head["configuration"].items()
        if key not in ("backends", "titles")
    } | {"dataset": known_set.NAME, "preset": "smoke"}
    images = read_json(world.folder / "manifest.json")["digest"]
    context = [images, sources.hexdigest(), json.dumps(head["packages"], sort_keys=True), "1"]
    text = "\n".join([json.dumps(settings, sort_keys=True), *context])
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    assert head["hash"] == digest, "the digest is of something else"
    assert world.folder.name == f"{known_set.NAME}-smoke-{digest}"
    assert {"harness", *known.BACKENDS} <= set(head["packages"])


def configuration(world: World) -> None:
    """What was asked for; backends in their order; titles of the domains."""
    found = read_json(world.folder / "experiment.json")["configuration"]
    assert found["backends"] == list(known.BACKENDS)
    assert found["titles"] == {"a": known_set.TITLES[0], "b": known_set.TITLES[1]}
    assert found["objective"]["lambda_a"] == 8 and found["objective"]["lambda_b"] == 12
    assert found["optimiser"]["discriminator_learning_rate"] == DISCRIMINATOR_RATE
    assert found["evaluation"]["images"] == 5 and found["timing"]["timed_steps"] == TIMED


# ---------------------------------------------------------------------------------------- plan


def seen_image(seed: int, step: int, domain: str, index: int) -> float:
    """Fingerprint of what a step sees of an image: cut out of it, and perhaps mirrored."""
    image = known_set.picture(f"train{domain.upper()}", index)
    shares = draws(seed, f"crop_{domain}").random((STEPS, 1, 2))[step, 0]
    free = known_set.TRAIN_SIDE - known_set.SIDE + 1
    top, left = (int(share * free) for share in shares)
    image = image[top : top + known_set.SIDE, left : left + known_set.SIDE]
    if draws(seed, f"flip_{domain}").random((STEPS, 1))[step, 0] > 0.5:
        image = image[:, ::-1]
    return known.fingerprint(image)


def pool_column(seed: int, domain: str) -> list[float]:
    """Action and a tenth of the slot: 1 stores, 2 swaps, 0 passes."""
    swap = draws(seed, f"pool_swap_{domain}").random(STEPS) > 0.5
    slot = draws(seed, f"pool_slot_{domain}").integers(POOL, size=STEPS)
    return [
        1 + step / 10 if step < POOL else (2 if swap[step] else 0) + slot[step] / 10
        for step in range(STEPS)
    ]


def plan(world: World) -> None:
    """Images, crops, flips, pools and rates of every step, in both backends alike."""
    for (backend, seed), run in world.runs.items():
        table, count = run.losses, known_set.COUNTS["trainA"]
        draw = draws(seed, "index_a")
        index_a = np.concatenate([draw.permutation(count) for _ in range(3)])[:STEPS]
        index_b = draws(seed, "index_b").integers(known_set.COUNTS["trainB"], size=(STEPS, 1))[:, 0]
        factor = [1.0] * 10 + [2 / 3] * 5 + [1 / 3] * 5
        columns = {
            "accuracy_real_a": [seen_image(seed, s, "a", index_a[s]) for s in range(STEPS)],
            "accuracy_real_b": [seen_image(seed, s, "b", index_b[s]) for s in range(STEPS)],
            "accuracy_fake_a": pool_column(seed, "a"),
            "accuracy_fake_b": pool_column(seed, "b"),
            "penalty_a": 1000 * RATE * np.array(factor) + draws(seed, "mix_a").random(STEPS),
            "penalty_b": 1000 * DISCRIMINATOR_RATE * np.array(factor)
            + draws(seed, "mix_b").random(STEPS),
            "learning_rate": RATE * np.array(factor),
            "epoch": np.arange(STEPS) // PER_EPOCH,
            "step": np.arange(STEPS),
        }
        for name, wanted in columns.items():
            gap = np.abs(table[name].to_numpy() - np.asarray(wanted)).max()
            assert gap < 1e-6, f"{backend}, seed {seed}: {name} is off by {gap}"


CHECKS = (references, labels, manifest, folder_name, configuration, plan)
