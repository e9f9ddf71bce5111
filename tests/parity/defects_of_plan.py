"""Defects of the plan, which all backends are given: only the truth can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plant_plan as of
from defects import Defect
from plant_training import like, plan

from harness.studies.parity import Rung

TWO = "training.batch_size=2"
DROPOUT = "model.dropout=0.3"
PLATEAU = "training.policy=plateau"


def named(name: str, plant, case: str) -> Defect:
    return Defect(name, "plan", plant, case=case)


IMAGES = [
    named("crops shared by a batch", of.domain(offset=of.shared_by_a_batch), TWO),
    named("rows and columns of crops exchanged", of.domain(offset=lambda x: x[..., ::-1]), TWO),
    named(
        "last row and column never cut", of.domain(offset=lambda x: 0.79 * x), "data.load_size=20"
    ),
    named("crops of B are those of A", of.stream({"crop_b": "crop_a"}), TWO),
    named("flips of B are those of A", of.stream({"flip_b": "flip_a"}), "data.flip=true"),
    named(
        "flips from top to bottom", of.method("DomainPlan.images", of.upside_down), "data.flip=true"
    ),
    named("flips the other way round", of.domain(flip=np.logical_not), "data.flip=true"),
    named("flips although they are off", of.data(flip=True), "data.flip=false"),
    named(
        "height and width exchanged",
        of.cut_from(lambda image: image.transpose(1, 0, 2)),
        "data.augmentation=square_crop",
    ),
    named(
        "longer side never cut", of.cut_from(of.shortest_square), "data.augmentation=square_crop"
    ),
    named(
        "frozen crops drawn anew", of.data(augment="fresh"), "data.augment=frozen data.load_size=20"
    ),
    named("fresh crops frozen", of.data(augment="frozen"), "data.augment=fresh data.load_size=20"),
    named(
        "every round in the same order",
        of.indices(lambda a, b, of_a, of_b: (of.repeated(a, of_a), b)),
        "training.pairing=random_b",
    ),
    named(
        "smaller split always in the same order",
        of.indices(lambda a, b, of_a, of_b: (a, of.repeated(b, of_b))),
        "training.pairing=oversample",
    ),
    named(
        "B in the order of A",
        of.indices(lambda a, b, of_a, of_b: (a, a % of_b)),
        "training.pairing=zip",
    ),
    named(
        "B shuffled, not drawn",
        of.indices(lambda a, b, of_a, of_b: (a, of.repeated(np.arange(of_b), of_b)[0] + 0 * b)),
        "training.pairing=random_b",
    ),
    named(
        "batches run across the steps",
        of.indices(lambda a, b, of_a, of_b: (a.reshape(a.shape[::-1]).T, b)),
        TWO,
    ),
    named(
        "zip goes on to the end of the larger split",
        of.method("Experiment.images_per_round", lambda real, self, *n: max(n)),
        "training.pairing=zip",
    ),
    named(
        "oversampling ends with the smaller split",
        of.method("Experiment.images_per_round", lambda real, self, *n: min(n)),
        "training.pairing=oversample",
    ),
    named("seed left out", plan("stream", lambda real, seed, name: real(0, name)), TWO),
]

CHOICES = [
    named("mixing share of a batch", of.domain(mix=of.shared_by_a_batch), TWO),
    named("mixing shares of B are those of A", of.stream({"mix_b": "mix_a"}), TWO),
    named(
        "one mask for a batch",
        of.dropout(lambda x: np.repeat(x[:1], len(x), 0)),
        f"{DROPOUT} {TWO}",
    ),
    named("whole channels dropped", of.dropout(lambda x: x[:, :1, :1] + 0 * x), DROPOUT),
    named("the others dropped", of.dropout(lambda x: 1 - x), DROPOUT),
    named("as many dropped as are to be kept", of.method("Dropout.kept", of.dropout_rate), DROPOUT),
    named(
        "the same masks in every step",
        of.method("Dropout.kept", lambda real, self, step: real(self, 0)),
        DROPOUT,
    ),
]

STORED = [
    named(
        "one decision of the pool for a batch",
        of.domain(pool_action=of.shared_by_a_batch),
        f"objective.pool=reference {TWO}",
    ),
    named(
        "first image of a batch always stored",
        plan("history_decisions", lambda real, chosen, share, n: real(0 * chosen, share, n)),
        f"objective.pool=half_new {TWO}",
    ),
]

EPOCHS = [
    named(
        "an epoch of as many steps as images",
        plan("epoch_steps", lambda real, e, a, b: e.training.steps_per_epoch or max(a, b)),
        TWO,
    ),
    named(
        "last epoch left out",
        plan("total_steps", lambda real, e, a, b: real(e, a, b) - plan_steps(e, a, b)),
        TWO,
    ),
]


def plan_steps(experiment, train_a: int, train_b: int) -> int:
    from harness.plan.plan import epoch_steps

    return epoch_steps(experiment, train_a, train_b)


PLATEAUS = [
    named("patience of an epoch less", of.plateaus(plateau_patience=lambda n: n - 1), PLATEAU),
    named("patience of an epoch more", of.plateaus(plateau_patience=lambda n: n + 1), PLATEAU),
    named("any improvement counts", of.plateaus(plateau_threshold=0.0), PLATEAU),
    named("plateaus counted from one", of.plateaus(of.not_multiplied), PLATEAU),
    named("plateaus of no effect", of.plateaus(lambda found: [1.0] * len(found)), PLATEAU),
    named(
        "plateau passed by the discriminators",
        of.method(
            "Plan.batch",
            lambda real, self, step, a, b, plateau=1.0: real(self, step, a, b, plateau)._replace(
                discriminator_learning_rate=float(self.discriminator_learning_rate[step])
            ),
        ),
        PLATEAU,
    ),
    named(
        "plateaus where nobody asked for them",
        of.plateaus(policy="plateau"),
        "training.policy=constant",
    ),
]

POOLS = [
    named(
        "pool full one early",
        plan(
            "pool_decisions", lambda real, swap, slot, size: real(swap, slot % (size - 1), size - 1)
        ),
        f"objective.pool=reference {TWO}",
    ),
    named(
        "pool of B decides as that of A",
        of.stream({"pool_swap_b": "pool_swap_a", "pool_slot_b": "pool_slot_a"}),
        f"objective.pool=reference {TWO}",
    ),
    named(
        "pool passes and swaps the other way round",
        plan("pool_decisions", lambda real, swap, slot, size: real(~swap, slot, size)),
        f"objective.pool=reference {TWO}",
    ),
    named(
        "newest stored image replaced",
        of.domain(pool_slot=lambda slots: 0 * slots),
        f"objective.pool=half_new {TWO}",
    ),
    named(
        "images drawn that are not there yet",
        plan(
            "history_decisions",
            lambda real, chosen, share, n: (
                *real(chosen, share, n)[:2],
                like(share, lambda x: x * n).astype(np.int32),
            ),
        ),
        f"objective.pool=half_new {TWO}",
    ),
]

RATES = [
    named(
        "warm-up begins at zero",
        of.factors(of.warmed_up(0, 1), warmup_epochs=0),
        "training.warmup_epochs=1",
    ),
    named(
        "warm-up of a step for an epoch",
        of.factors(of.warmed_up(1, None), warmup_epochs=0),
        "training.warmup_epochs=1",
    ),
    named("rate stands after an epoch", of.factors(of.stands_from(2)), "training.policy=linear"),
    named(
        "cosine an epoch early",
        of.factors(lambda factor, e: np.append(factor[e:], factor[-1:].repeat(e))),
        "training.policy=cosine",
    ),
    named(
        "first epoch of a step policy left out",
        of.factors(lambda factor, e: np.append(factor[e:], factor[-1:].repeat(e))),
        "training.policy=step",
    ),
    named(
        "step policy never falls",
        of.factors(lambda factor, e: factor, policy="constant"),
        "training.policy=step",
    ),
    named(
        "constant rate decays",
        of.factors(lambda factor, e: factor, policy="linear"),
        "training.policy=constant",
    ),
    named(
        "rate falls by epochs, not by steps",
        of.factors(lambda factor, e: factor, decay="epoch"),
        "training.policy=linear training.decay=step",
    ),
    named(
        "rate falls by steps, not by epochs",
        of.factors(lambda factor, e: factor, decay="step"),
        "training.policy=cosine training.decay=epoch",
    ),
    named(
        "discriminators' rate does not decay",
        of.plan_field(
            lambda plan: {
                "discriminator_learning_rate": np.full_like(
                    plan["learning_rate"], plan["discriminator_learning_rate"].max()
                )
            }
        ),
        "training.policy=linear",
    ),
    named(
        "discriminators at the generators' rate",
        of.plan_field(lambda plan: {"discriminator_learning_rate": plan["learning_rate"]}),
        "optimiser.discriminator_learning_rate=4e-4",
    ),
]

OF_PLAN = tuple(
    replace(defect, rung=rung)
    for rung, defects in (
        (Rung.PLAN, [*IMAGES, *CHOICES, *STORED, *EPOCHS, *PLATEAUS]),
        (Rung.POOL, POOLS),
        (Rung.LEARNING_RATE, RATES),
    )
    for defect in defects
)
