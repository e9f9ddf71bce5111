"""What a comparison takes here: measured in a short session of every backend, and on few images."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np

from backends import title
from harness.data.cache import cache_folder
from harness.data.catalogue import BuiltIn, find_entry
from harness.data.decode import UnreadableImage, bombs_refused, decode
from harness.data.files import FileBelow, image_files
from harness.data.find_local import find_local
from harness.data.layout import missing_splits
from harness.data.resize import resize
from harness.data.scan import examine
from harness.report.formatting import listed
from harness.statistics.intervals import seed_interval
from harness.statistics.timed_blocks import cold_blocks
from harness.studies.estimate.predict import Estimate, MeasuredCosts, predict
from harness.studies.estimate.scoring import time_scoring
from harness.studies.estimate.work import Work
from harness.system.errors import UserError, WorkerFailed
from harness.system.lock import locked
from harness.system.machine import Machine
from harness.system.progress import Display, duration
from harness.training.jobs import beside, tell
from harness.training.timed_session import Block, TimedSession, loads_of, timed_session

CLOSE = 0.02  # a spread below which no more blocks are timed
LEAST_ROUNDS = 3  # of blocks
FEWEST_ROUNDS = 2  # where time is up: of one block there is no spread
# How many times the seconds of timed blocks a session may take in all, from the first start on.
# Afterwards whatever is left is timed as shortly as it can be.
PATIENCE = 5
ENOUGH = 6  # blocks of each backend before a small spread is believed
TRANSLATIONS = 3  # times that test images are translated; the median counts
TRANSLATION_SECONDS = 4.0  # of each, about
STEPS_OF_PAIR = 6  # a step takes about as long as translating and scoring so many pairs
FEW = 16  # images that are drawn and decoded


def estimate(
    work: Work,
    machine: Machine,
    results: Path,
    display: Display,
    *,
    seconds: float = 60.0,
    data_dir: Path | None = None,
    scored: Path | None = None,
) -> Estimate:
    """`seconds`: of timed blocks of training, at most, but LEAST_ROUNDS are always timed.

    When PATIENCE times as much has passed in all, as on a busy machine, blocks and translations end
    as soon as there is any number: see `measure`.
    `results`: where a comparison would write; the session writes there too, and removes its files.
    `scored`: see `time_report`. Raises WorkerFailed where a backend dies; its log stays, and the
    message names it.
    """
    with _workplace(results) as folder:
        tell(display, machine, folder, folder / "logs")
        display.say(
            f"Measuring {listed(list(work.backends))}: about {duration(seconds)} of steps, after at"
            f" most about {duration(PATIENCE * seconds)} only what is indispensable. Then scores"
        )
        measured = measure(work, machine, folder, seconds, display)
        measured = with_steps_beside(measured, work, machine, folder, display)
        display.say("Timing scores, with translations of this session")
        scoring = time_scoring(work, folder, scored, results)
        preparing = time_preparing(work, data_dir, folder)
    return predict(work, measured, scoring, preparing)


@contextmanager
def _workplace(results: Path) -> Iterator[Path]:
    """An empty folder for one session; it stays where a worker died, since the log is in it."""
    existed, home, keep = results.exists(), results / "estimate", False
    with locked(home):
        folder = home / "session"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
        except WorkerFailed:
            keep = True
            raise
        finally:
            if not keep:
                shutil.rmtree(home if existed else results)


def measure(
    work: Work, machine: Machine, folder: Path, seconds: float, display: Display
) -> tuple[MeasuredCosts, ...]:
    """Every backend, in turns. Leaves `<backend>.safetensors` in `folder`: its translations.

    From PATIENCE times `seconds` on only FEWEST_ROUNDS of blocks and one translation are made.
    """
    until = time.monotonic() + PATIENCE * seconds
    display.say("Starting the backends")
    with timed_session(work.experiment, machine, work.backends, folder / "logs") as session:
        # In the order of a run: its first translations and its first step trace and compile.
        display.say("First translations and steps, with compiling")
        first_translation = _translate(session, 1, folder)
        first_step = session.warm_up(work.experiment.timing.block_seconds)
        again = _translate(session, 1, folder)
        rounds = _timed_rounds(session, work.steps, seconds, display, until)
        # As many images as the slowest backend translates within some seconds, or all.
        step = max(block.seconds for block in rounds[-1]) / work.experiment.training.batch_size
        count = min(max(work.tested), max(2, int(TRANSLATION_SECONDS * STEPS_OF_PAIR / step)))
        if time.monotonic() > until:
            count = min(count, 2)
        display.say("Timing translations and checkpoints")
        passes = [_translate(session, count, folder)]
        while len(passes) < TRANSLATIONS and time.monotonic() < until:
            passes.append(_translate(session, count, folder))
        translation, scores = np.median(passes, axis=0).T / (2 * count)
        saved = [answer["seconds"] for answer in session.ask(save=str(folder.resolve()))]
        compiling = (first_translation - again).sum(axis=1)
        measured = []
        for i, blocks in enumerate(zip(*rounds, strict=True)):
            steps = np.array([block.seconds for block in blocks])
            warm = steps[cold_blocks(steps) :]
            warm = warm if len(warm) > 1 else steps  # of one block there is no spread
            costs = MeasuredCosts(
                backend=work.backends[i],
                framework=title(work.backends[i], session.environments[i]),
                start=max(0.0, session.launch_seconds[i] - session.setup_seconds[i]),
                setup=session.setup_seconds[i],
                first_step=first_step[i],
                # The mean, not the median: a run pays for slow blocks, too.
                step=float(warm.mean()),
                spread=relative_spread(warm.tolist()),
                data=float(np.mean([block.data for block in blocks])),
                logging=float(np.mean([block.logging for block in blocks])),
                compiling=max(0.0, float(compiling[i])),
                translation=float(translation[i]),
                scores=float(scores[i]),
                save=saved[i],
                load=float(np.median(loads)) if (loads := loads_of(blocks)) else None,
            )
            measured.append(costs)
    return tuple(measured)


def with_steps_beside(
    measured: tuple[MeasuredCosts, ...],
    work: Work,
    machine: Machine,
    folder: Path,
    display: Display,
) -> tuple[MeasuredCosts, ...]:
    """With the pace of steps that all backends make at once, where a run has such steps."""
    share = beside(work.experiment, machine, len(measured))
    if share is None or (work.steps <= share.start and work.seeds_untimed == 0):
        return measured
    display.say("Timing steps of all backends at once")
    machine, logs = replace(machine, threads=share.threads), folder / "logs"
    with timed_session(work.experiment, machine, work.backends, logs, "beside") as session:
        session.warm_up(work.experiment.timing.block_seconds)
        session.ask_at_once(steps=session.steps)
        answers = session.ask_at_once(steps=3 * session.steps)
    return tuple(
        replace(costs, beside=answer["seconds"] / (3 * session.steps))
        for costs, answer in zip(measured, answers, strict=True)
    )


def _translate(session: TimedSession, count: int, folder: Path) -> np.ndarray:
    """(backends, 2): seconds of translating `count` images of each domain, and of scoring them."""
    answers = session.ask(translate=count, to=str(folder.resolve()))
    return np.array([[answer["translation"], answer["scores"]] for answer in answers])


def _timed_rounds(
    session: TimedSession, steps: int, seconds: float, display: Display, until: float = math.inf
) -> list[list[Block]]:
    """Blocks of every backend until they agree, or make up a run, or the seconds are spent.

    `until`: of the monotonic clock; afterwards FEWEST_ROUNDS do.
    """
    rounds: list[list[Block]] = []
    spent = 0.0
    for blocks in session.rounds():
        rounds.append(blocks)
        spent += session.steps * sum(block.seconds for block in blocks)
        display.stage("timed seconds", round(spent), round(seconds))
        if len(rounds) >= ENOUGH:
            series = zip(*rounds, strict=True)
            if all(relative_spread([b.seconds for b in blocks]) < CLOSE for blocks in series):
                break
        over = len(rounds) * session.steps >= steps or spent * (1 + 1 / len(rounds)) > seconds
        late = time.monotonic() > until
        if (over and len(rounds) >= LEAST_ROUNDS) or (late and len(rounds) >= FEWEST_ROUNDS):
            break
    return rounds


def relative_spread(seconds: list[float]) -> float:
    """Half the 95 % t interval of the mean, as a share of the mean.

    Of two values, which have no interval, their difference; infinite of one.
    """
    if len(seconds) < 2:
        return math.inf
    interval, mean = seed_interval(seconds), float(np.mean(seconds))
    if interval.low is None or interval.high is None:
        return (max(seconds) - min(seconds)) / mean
    return (interval.high - interval.low) / 2 / mean


def time_preparing(work: Work, data_dir: Path | None, folder: Path) -> float | None:
    """Seconds of drawing and decoding all images that are not in the cache yet.

    None where there are no files to look at. It is not known whether the files of a folder have
    been decoded, so all of them count.
    """
    experiment, counts, data = work.experiment, work.counts, work.experiment.data
    trained = counts.train_a + counts.train_b
    tests = counts.test_a + counts.test_b
    images = trained + tests * (2 if counts.paired else 1)
    entry = find_entry(experiment.dataset)
    if entry is None or not isinstance(entry.source, BuiltIn):
        local = find_local(experiment.dataset, data_dir)
        if local is None or local.layout is None:
            return None
        folders = [local.layout.folders[split] for split in ("trainA", "trainB")]
        return _decoding(folders, work, images, trained)
    # A drawing of a built-in set at this size in the cache has been decoded, too.
    size = max(data.load("a"), data.load("b"))
    pattern = f"{entry.name}-{size}px-{data.train}x{data.test}-*"
    drawings = (cache_folder() / "datasets").glob(pattern)
    if any(not missing_splits(drawing) for drawing in drawings):
        return 0.0
    write = getattr(import_module(f"harness.data.{entry.source.package}"), entry.source.writer)
    drawn = folder / "drawn"
    began = time.perf_counter()
    try:
        write(drawn, size, FEW // 2, FEW // 2, None)
    except ValueError as error:
        raise UserError(f"{experiment.dataset}: {error}; give other sizes or counts") from None
    seconds = time.perf_counter() - began
    written = sum(len(image_files(split)) for split in drawn.iterdir())
    folders = [drawn / "trainA", drawn / "trainB"]
    return seconds / written * images + _decoding(folders, work, images, trained)


def _decoding(folders: Sequence[Path], work: Work, images: int, trained: int) -> float:
    """Every file is examined once, then resized for evaluation; training images a second time."""
    size = work.experiment.data.load("a")
    files = [path for folder in folders for path in image_files(folder)[: FEW // 2]]

    def examined(path: Path) -> None:
        examine("", FileBelow(path, path.name))

    def decoded(path: Path) -> None:
        with suppress(UnreadableImage):
            resize(decode(path.read_bytes()), size, "bicubic", "stretch")

    seconds = []
    with bombs_refused(), ThreadPoolExecutor() as pool:
        for function in (examined, decoded):
            began = time.perf_counter()
            list(pool.map(function, files))
            seconds.append((time.perf_counter() - began) / len(files))
    return seconds[0] * images + seconds[1] * (images + trained)
