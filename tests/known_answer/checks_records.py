"""What trainings leave behind, against what the images, the plan and the backends' formulas say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import known_backend as known
import known_set
import numpy as np
from by_hand import same
from known_world import BLOCK, COURSE_STEPS, DEVICE, EVALUATED, PER_EPOCH, SLUG, STEPS, TIMED, World

from backends.objective import LOSS_TERMS, RECORDED
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


# ------------------------------------------------------------------------------------ training


def losses(world: World) -> None:
    assert set(world.runs) == {(b, s) for b in known.BACKENDS for s in known.SEEDS}
    for (backend, seed), run in world.runs.items():
        assert list(run.losses.columns[3:]) == list(RECORDED)
        for term, name in enumerate(LOSS_TERMS):
            wanted = [known.loss(backend, seed, step, term) for step in range(STEPS)]
            gap = np.abs(run.losses[name].to_numpy() - wanted).max()
            assert gap < 1e-6, f"{backend}, seed {seed}: {name} is off by {gap}"


def blocks(world: World) -> None:
    """Turns of equal blocks; warm-up at the start of each process; times, energy and load."""
    counts = ["start_step", "steps", "warmup", "beside"]
    for (backend, seed), run in world.runs.items():
        where, table = f"{backend}, seed {seed}", run.blocks
        cold = {0} | ({12} if (backend, seed) == ("torch", 2) else set())
        cold |= {8} if (backend, seed) == ("tf", 2) else set()
        alone = table[table["beside"] == 0]
        wanted = [[start, BLOCK, int(start in cold), 0] for start in range(0, TIMED, BLOCK)]
        if (backend, seed) == known.DIES[:2]:  # the one behind, after the other's slow first steps
            wanted[-1:] = [[12, 1, 0, 0], [13, 1, 0, 0]]
        assert alone[counts].to_numpy().tolist() == wanted, f"{where}: {alone[counts]}"
        beside = table[table["beside"] == 1]
        assert beside["start_step"].iloc[0] == TIMED and beside["steps"].sum() == STEPS - TIMED
        assert not beside["warmup"].any(), where
        for row in table.to_dict("records"):
            steps = range(row["start_step"], row["start_step"] + row["steps"])
            fresh = cold | {TIMED}
            slow = [any(0 <= s - c < known.COLD_STEPS for c in fresh) for s in steps]
            seconds = sum(
                known.step_seconds(backend, seed, s, c) for s, c in zip(steps, slow, strict=True)
            )
            same(row["train_seconds"], seconds, f"{where}, step {steps[0]}: seconds of training")
            same(row["data_seconds"], known.BATCH_SECONDS * len(steps), f"{where}: of batches")
            same(row["logging_seconds"], known.LOG_SECONDS * len(steps), f"{where}: of losses")
            joules = sum(known.step_joules(backend, seed, s) for s in steps)
            same(row["joules"], joules, f"{where}: joules")
            same(row["others_share"], known.others_share(backend, seed, steps[0]), f"{where}: load")


def made(backend: str, seed: int, step: int) -> dict[str, np.ndarray]:
    """All arrays of an evaluation."""

    def translate(images: np.ndarray, direction: str, averaged: bool = True) -> np.ndarray:
        return known.translated(images, direction, backend, seed, step, averaged)

    ab, ba = translate(A, "ab"), translate(B, "ba")
    arrays = {"ab": ab, "ba": ba}
    if step == STEPS:
        arrays |= {"last_ab": translate(A, "ab", False), "last_ba": translate(B, "ba", False)}
        arrays |= {"aba": translate(ab, "ba"), "bab": translate(ba, "ab")}
        arrays |= {"identity_a": translate(A, "ba"), "identity_b": translate(B, "ab")}
    for domain, real, fake in (("a", A, ba), ("b", B, ab)):
        arrays[f"patches_real_{domain}"] = known.patch_outputs(real, domain, backend)
        arrays[f"patches_fake_{domain}"] = known.patch_outputs(fake, domain, backend)
    return arrays


def evaluations(world: World) -> None:
    """Every array of every evaluation, those made again after a process was killed included."""
    for (backend, seed), run in world.runs.items():
        assert run.evaluated_steps == list(EVALUATED), f"{backend}, seed {seed}"
        for step in EVALUATED:
            found, wanted = run.evaluation(step), made(backend, seed, step)
            assert set(found) == set(wanted), f"{backend}, seed {seed}, step {step}: other arrays"
            for name, array in wanted.items():
                where = f"{backend}, seed {seed}, step {step}: {name}"
                assert found[name].dtype == array.dtype, where
                assert np.array_equal(found[name], array), where


def resources(world: World) -> None:
    """Clocks, processes and peak memory."""
    for (backend, seed), run in world.runs.items():
        where, found = f"{backend}, seed {seed}", run.resources
        clocks = found["clocks"]
        restarted = seed == known.DIES[1]
        assert found["processes"] == 1 + restarted, f"{where}: processes"
        memory = {"bytes": known.peak_memory(backend, seed), "kind": "resident"}
        assert found["peak_memory"] == memory, f"{where}: peak memory"
        table = run.blocks
        kept = {
            "warmup": table.loc[table["warmup"] == 1, "train_seconds"].sum(),
            "train": table.loc[run.timed, "train_seconds"].sum(),
            "beside": table.loc[table["beside"] == 1, "train_seconds"].sum(),
            "data": table["data_seconds"].sum(),
            "logging": table["logging_seconds"].sum(),
        }
        for name, seconds in kept.items():
            same(clocks[name], seconds, f"{where}: clock {name}")
        same(clocks["wall"], sum(v for k, v in clocks.items() if k != "wall"), f"{where}: wall")
        images, patches = len(A) + len(B), 2 * (len(A) + len(B))
        once = images * known.TRANSLATE_SECONDS + patches * known.SCORE_SECONDS
        last = once + 3 * images * known.TRANSLATE_SECONDS  # last step, there and back, identity
        same(clocks["evaluation"], 2 * once + last, f"{where}: clock evaluation")
        assert found["energy_source"] == "known"


def order(world: World) -> None:
    """A run is complete once all its records are written; then its checkpoints go."""
    for key, run in world.runs.items():
        names = [path.name for path in world.written if run.folder in (path, path.parent)]
        assert names[-2:] == ["status.json", "checkpoints"], f"{key}: {names[-4:]}"


def environments(world: World) -> None:
    """In turns with all threads; the process beside others has its share."""
    for (backend, seed), run in world.runs.items():
        found = run.environment
        assert found["backend"] == backend and found["framework"] == known.FRAMEWORKS[backend]
        assert found["device"] == DEVICE.device_name and found["threads"] == DEVICE.threads
        assert found["beside"] == {"start": TIMED, "threads": DEVICE.threads // 2}
        assert found["threads_of_process"] == DEVICE.threads // 2, f"{backend}, seed {seed}"


def states(world: World) -> None:
    """The final state, its step, and the weights kept on the way; nothing else is left over."""
    for (backend, seed), run in world.runs.items():
        where = f"{backend}, seed {seed}"
        state = read_arrays(run.folder / "state.safetensors")
        assert int(state["step"]) == STEPS, where
        for file, step in (("state", STEPS), (f"course-{COURSE_STEPS:08d}", COURSE_STEPS)):
            path = run.folder / f"{file}.safetensors"
            if file != "state" and seed != 0:
                assert not path.exists(), f"{where}: {path.name}"
                continue
            name = "g_ab/stem/kernel"
            wanted = known.first_weight(name, seed) + known.moved(step, backend)
            same(float(read_arrays(path)[name].ravel()[0]), wanted, f"{where}: {file}", 1e-5)
        assert run.status["state"] == "complete" and run.status["step"] == STEPS
        assert not list(run.folder.glob("checkpoint-*")), where


def course(world: World) -> None:
    """Both backends and a twin of the first, `COURSE_STEPS` steps on."""
    (found,) = read_json(world.folder / "course.json")["courses"]
    about = {"device": SLUG, "seed": 0, "steps": COURSE_STEPS}
    assert {key: found[key] for key in about} == about and found["twin"]["backend"] == "torch"
    (pair,) = found["pairs"]
    assert pair["backends"] == ["torch", "tf"]
    for step, value in enumerate(pair["losses"]):
        gaps = [
            abs(known.loss("tf", 0, step, i) / known.loss("torch", 0, step, i) - 1)
            for i in range(8)
        ]
        same(value, float(np.mean(gaps)), f"course, losses of step {step}", 1e-5)
    assert len(pair["losses"]) == COURSE_STEPS and found["twin"]["losses"] == [0.0] * COURSE_STEPS
    # Every weight of one has moved twice as far; the twin began a rounding error away.
    torch = read_arrays(world.runs["torch", 0].course_file(COURSE_STEPS))
    assert 0 < found["twin"]["weights"] < 1e-6
    values = np.concatenate([v.ravel() for v in torch.values()]).astype(float)
    apart = known.moved(COURSE_STEPS, "torch") * np.sqrt(len(values)) / np.linalg.norm(values)
    assert 0.5 * apart < pair["weights"] < 2 * apart, "biases in front of norms are left out"


def checksums(world: World) -> None:
    """Of every file that a run consists of."""
    for run in world.runs.values():
        sums = read_json(run.folder / "sums.json")["files"]
        for name, wanted in sums.items():
            assert hashlib.sha256((run.folder / name).read_bytes()).hexdigest() == wanted, name
        needed = {"state.safetensors", "losses.csv", "blocks.csv", "resources.json"}
        assert needed | {f"evaluations/step-{s:08d}.safetensors" for s in EVALUATED} <= set(sums)


CHECKS = (
    references, labels, manifest, folder_name, configuration, plan, losses, blocks, evaluations,
    resources, order, environments, states, course, checksums,
)  # fmt: skip
