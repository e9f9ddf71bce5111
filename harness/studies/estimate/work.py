"""What a comparison has to do: steps, evaluations, images."""

from __future__ import annotations

from dataclasses import dataclass

from harness.config.experiment import Experiment
from harness.plan.plan import epoch_steps, evaluation_steps, evenly, total_steps


@dataclass(frozen=True)
class Counts:
    """Images of each split. `paired`: test images have true translations. `origin`: who says so."""

    train_a: int
    train_b: int
    test_a: int
    test_b: int
    paired: bool = False
    origin: str = "given"


@dataclass(frozen=True)
class Work:
    """Every backend trains `experiment` once for each of `seeds`, all of them on one machine."""

    experiment: Experiment
    counts: Counts
    backends: tuple[str, ...]
    seeds: int = 1

    @property
    def steps(self) -> int:
        """Of one run."""
        return total_steps(self.experiment, self.counts.train_a, self.counts.train_b)

    @property
    def per_epoch(self) -> int:
        return epoch_steps(self.experiment, self.counts.train_a, self.counts.train_b)

    @property
    def evaluations(self) -> int:
        """Of one run, between its first step and its last; there is one before and one after."""
        return len(evaluation_steps(self.experiment, self.steps, self.per_epoch))

    @property
    def tested(self) -> tuple[int, int]:
        """Test images of A and B that each evaluation translates."""
        most = self.experiment.evaluation.images
        a, b = (len(evenly(count, most)) for count in (self.counts.test_a, self.counts.test_b))
        return a, b

    @property
    def runs(self) -> int:
        return self.seeds * len(self.backends)
