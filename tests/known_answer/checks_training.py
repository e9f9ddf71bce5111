"""What trainings leave behind, against what the plan and the backends' formulas say."""

from __future__ import annotations

import hashlib

import known_backend as known
import numpy as np
from by_hand import same
from checks_data import A, B
from known_world import BLOCK, COURSE_STEPS, DEVICE, EVALUATED, SLUG, STEPS, TIMED, World

from backends.objective import LOSS_TERMS, RECORDED
from harness.system.files import read_arrays, read_json


def losses(world: World) -> None:
    assert {backend for backend, _ in world.runs} == set(known.BACKENDS)
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
        assert found["beside"] == {"start": TIMED, "threads": DEVICE.threads // 2, "turns": False}
        assert found["threads_of_process"] == DEVICE.threads // 2, f"{backend}, seed {seed}"


def states(world: World) -> None:
    """The final state, its step, and the weights kept on the way; nothing else is left over."""
    first = min(seed for _, seed in world.runs)
    for (backend, seed), run in world.runs.items():
        where = f"{backend}, seed {seed}"
        state = read_arrays(run.folder / "state.safetensors")
        assert int(state["step"]) == STEPS, where
        for file, step in (("state", STEPS), (f"course-{COURSE_STEPS:08d}", COURSE_STEPS)):
            path = run.folder / f"{file}.safetensors"
            if file != "state" and seed != first:
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
    seed = min(seed for _, seed in world.runs)
    about = {"device": SLUG, "seed": seed, "steps": COURSE_STEPS}
    assert {key: found[key] for key in about} == about and found["twin"]["backend"] == "torch"
    (pair,) = found["pairs"]
    assert pair["backends"] == ["torch", "tf"]
    for step, value in enumerate(pair["losses"]):
        gaps = [
            abs(known.loss("tf", seed, step, i) / known.loss("torch", seed, step, i) - 1)
            for i in range(8)
        ]
        same(value, float(np.mean(gaps)), f"course, losses of step {step}", 1e-5)
    assert len(pair["losses"]) == COURSE_STEPS and found["twin"]["losses"] == [0.0] * COURSE_STEPS
    # Every weight of one has moved twice as far; the twin began a rounding error away.
    torch = read_arrays(world.runs["torch", seed].course_file(COURSE_STEPS))
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
    losses, blocks, evaluations, resources, order, environments, states, course, checksums,
)  # fmt: skip
