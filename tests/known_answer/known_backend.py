"""Backends that compute nothing: what they put out is a simple function of what they are given.

`BACKENDS` are called as the real ones, whose place they take. Their formulas are the givens of the
experiment; what has to follow from them is computed in `by_hand.py` and in the checks.
"""

from __future__ import annotations

import hashlib
import threading

import known_clock
import numpy as np

from backends.interface import Batch, PeakMemory, Runtime, State
from backends.model import Model
from backends.objective import RECORDED, Objective

BACKENDS = ("torch", "tf")
FRAMEWORKS = {"torch": "Py<Torch>", "tf": "Tensor & Flow"}  # names that a page has to escape
SEEDS = (0, 1, 2)
DIES = ("tf", 2, 11)  # the first process of this backend and seed is killed in this step
COLD_STEPS, COLD = 2, 3.0  # the first steps of a process take so many times as long
BATCH_SECONDS, LOG_SECONDS = 0.002, 0.001  # a step
TRANSLATE_SECONDS, SCORE_SECONDS = 0.01, 0.005  # an image
STATE_SECONDS, LOAD_SECONDS = 0.05, 0.2
COLD_MEMORY = 9_000_000_000
BUSY = ("torch", 1, (4, 5))  # steps in which other programs took most of the CPUs


class Killed(BaseException):
    """In place of SIGKILL."""


_local = threading.local()
_started: dict[tuple[str, int], int] = {}


def forget_processes() -> None:
    _started.clear()


def number(backend: str) -> int:
    return BACKENDS.index(backend)


# ----------------------------------------------------------------------------------- formulas


def step_seconds(backend: str, seed: int, step: int, cold: bool = False) -> float:
    seconds = 0.010 + 0.001 * ((7 * step + 3 * seed) % 5)
    if backend == "tf":
        seconds *= 1.3 + 0.01 * ((step // 2 * 5 + seed * 3) % 11)
    return seconds * (COLD if cold else 1.0)


def step_joules(backend: str, seed: int, step: int) -> float:
    return 2.0 + number(backend) + 0.1 * seed + 0.01 * (step // 2 % 4)


def others_share(backend: str, seed: int, step: int) -> float:
    return 0.95 if (backend, seed) == BUSY[:2] and step in BUSY[2] else 0.01


def loss(backend: str, seed: int, step: int, term: int) -> float:
    """`term`: its place in LOSS_TERMS."""
    rhythm = 0.003 * ((step * (term + 1)) % 7)
    return 0.5 + 0.1 * term + 0.01 * number(backend) * (term + 1) + 0.02 * seed + rhythm


def fingerprint(image: np.ndarray) -> float:
    """Changes with whatever is done to an image, mirroring and moving it included."""
    height, width = image.shape[:2]
    row, column = np.mgrid[:height, :width]
    weight = 1 + row / height + 3 * column / width
    return float((image.astype(np.float64) * weight[..., None]).mean() / 1000)


def peak_memory(backend: str, seed: int) -> int:
    return 100_000_000 * (number(backend) + 1) + 1_000_000 * seed


def moved(step: int, backend: str) -> float:
    """By how much every weight has moved."""
    return 0.001 * (number(backend) + 1) * step


def translated(
    images: np.ndarray, direction: str, backend: str, seed: int, step: int, averaged: bool
) -> np.ndarray:
    """`ab`: more red. `ba`: mirrored, more blue. Those of the last step's weights: greener."""
    k, out = number(backend), images.astype(int)
    if direction == "ab":
        red = 10 + 3 * k + 2 * seed + step // 5
        out += np.array([red, k + seed % 2 if averaged else 6 + 3 * k, seed])
    else:
        blue = 4 + 5 * k + seed + step // 10
        out = out[:, :, ::-1] + np.array([0, 2 * k if averaged else 9 + k, blue])
    assert out.min() >= 0 and out.max() <= 255, "no image is clipped"
    return out.astype(np.uint8)


def patch_outputs(images: np.ndarray, domain: str, backend: str) -> np.ndarray:
    """float32 (N, 2, 2): red of domain a, blue of b, a mean a quarter."""
    channel = images[..., 0 if domain == "a" else 2].astype(np.float64)
    half = channel.shape[1] // 2
    quarters = channel.reshape(len(images), 2, half, 2, half).mean(axis=(2, 4)) / 255
    return (quarters + 0.05 * number(backend) + 0.1 * (domain == "b")).astype(np.float32)


def first_weight(name: str, seed: int) -> float:
    """Of the kernel `name`, by the authors' distribution and a generator keyed by seed and name."""
    key = hashlib.sha256(f"{seed}/weights/{name}".encode()).digest()[:16]
    philox = np.random.Philox(key=np.frombuffer(key, np.uint64))
    return float(np.random.Generator(philox).normal(0, 0.02))


# ------------------------------------------------------------------------------------ backend


class KnownBackend:
    """See `backends.interface.Backend`. The seed is read from the first weight."""

    def __init__(self, name: str, model: Model, objective: Objective, runtime: Runtime) -> None:
        self.name, self.model, self.objective, self.runtime = name, model, objective, runtime
        self.kernel = next(iter(model.parameter_shapes()))
        self.rows: list[list[float]] = []
        self.trained, self.is_reset = 0, False

    def environment(self) -> dict[str, object]:
        return {
            "framework": FRAMEWORKS[self.name],
            "versions": {self.name: "1.0"},
            "libraries": {},
            "device": "cpu",
            "precision": "float32",
            "deterministic": True,
            "threads_of_process": self.runtime.threads,
        }

    def load_state(self, state: State) -> None:
        known_clock.tick(LOAD_SECONDS)
        self.step = int(state["step"])
        shift = moved(self.step, self.name)
        self.initial = {
            name: array - np.float32(shift) if name in self.model.parameter_shapes() else array
            for name, array in state.items()
        }
        found = float(self.initial[self.kernel].ravel()[0])
        gaps = [abs(found - first_weight(self.kernel, seed)) for seed in range(9)]
        self.seed = int(np.argmin(gaps))
        assert min(gaps) < 1e-5, "weights that no seed has"
        place = (self.name, self.seed)
        self.attempt = _started[place] = _started.get(place, 0) + 1
        self.translated_before = 0

    def state(self) -> dict[str, np.ndarray]:
        known_clock.tick(STATE_SECONDS)
        shift = np.float32(moved(self.step, self.name))
        weights = {n: self.initial[n] + shift for n in self.model.parameter_shapes()}
        return {**self.initial, **weights, "step": np.array(self.step)}

    def train_step(self, batch: Batch) -> None:
        if (self.name, self.seed, self.step) == DIES and self.attempt == 1:
            raise Killed
        where = (self.name, self.seed, self.step)
        cold = self.trained < COLD_STEPS
        known_clock.tick(step_seconds(*where, cold), others_share(*where), step_joules(*where))
        self.rows.append([loss(*where, term) for term in range(8)] + seen(batch))
        self.step += 1
        self.trained += 1

    def losses(self) -> np.ndarray:
        known_clock.tick(LOG_SECONDS * len(self.rows))
        rows, self.rows = np.array(self.rows, np.float32).reshape(-1, len(RECORDED)), []
        return rows

    def translate(self, images: np.ndarray, direction: str, averaged: bool = False) -> np.ndarray:
        known_clock.tick(TRANSLATE_SECONDS * len(images))
        # What a process does that is killed later is another branch: it must leave no trace.
        lost = (self.name, self.seed) == DIES[:2] and self.attempt == 1 and self.step > 8
        made = translated(images, direction, self.name, self.seed, self.step, averaged)
        return made + np.uint8(7 * lost)

    def patch_scores(self, images: np.ndarray, domain: str) -> np.ndarray:
        known_clock.tick(SCORE_SECONDS * len(images))
        return patch_outputs(images, domain, self.name)

    def synchronize(self) -> None:
        pass

    def reset_peak_memory(self) -> None:
        self.is_reset = True

    def peak_memory(self) -> PeakMemory:
        own = peak_memory(self.name, self.seed)
        beside = self.runtime.threads < known_clock.THREADS  # a process that warms nothing up
        return PeakMemory(own if self.is_reset or beside else COLD_MEMORY, "resident")


def seen(batch: Batch) -> list[float]:
    """What a step was given, in the six columns behind the losses."""
    return [
        *(fingerprint(batch.a[0]), pool(batch.pool_a), fingerprint(batch.b[0]), pool(batch.pool_b)),
        1000 * batch.learning_rate + float(batch.mix_a[0]),
        1000 * batch.discriminator_learning_rate + float(batch.mix_b[0]),
    ]


def pool(decision) -> float:
    return float(decision.action[0]) + float(decision.slot[0]) / 10


def load(name: str, model: Model, objective: Objective, runtime: Runtime) -> KnownBackend:
    """In place of `backends.load`."""
    return KnownBackend(name, model, objective, runtime)
