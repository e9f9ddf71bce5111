"""Defects of metrics: which arrays, against which references, which way round, whose weights."""

from __future__ import annotations

import checks_scores as scores
from planting import Defect, defects, item, replaced

from harness.metrics import pixel

SCORING = "metrics.scoring"
SCORER = "metrics.evaluate:Scorer"

ARRAYS = defects(
    "scores",
    scores.scores,
    ("KID against training images", f"{SCORING}:model_scores",
     "yardstick.compared(direction, yardstick.features)",
     "yardstick.features[direction.floor]"),
    ("KID against the source", f"{SCORING}:model_scores",
     "yardstick.compared(direction, yardstick.features)",
     "yardstick.features[direction.source]"),
    ("FD of unequal counts", f"{SCORING}:model_scores",
     "frechet_replicates(spaced(fake, n), yardstick.pick(real, n))",
     "frechet_replicates(fake, real)"),
    ("FID against the source", f"{SCORING}:model_scores",
     "yardstick.compared(direction, yardstick.inception)",
     "yardstick.inception[direction.source]"),
    ("FID of the other network's features", f"{SCORER}.__init__",
     "features(final, INCEPTION, cache, report, inception)",
     "features(final, EFFICIENTNET, cache, report)"),
    ("checkerboard against the source", f"{SCORING}:model_scores",
     "checkerboard_replicates(energy, yardstick.energy[direction.target])",
     "checkerboard_replicates(energy, yardstick.energy[direction.source])"),
    ("cycle scores of translations", f"{SCORING}:model_scores",
     "measure(translations.images[direction.cycle], source)", "measure(translated, source)"),
    ("pair scores against the source", f"{SCORING}:model_scores",
     "measure(translated, yardstick.images[direction.truth])", "measure(translated, source)"),
    ("a count of real images", f"{SCORING}:model_scores",
     "kid_replicates(fake, real), len(fake)", "kid_replicates(fake, real), len(real)"),
    ("features of the last evaluation at every step", "metrics.evaluate:ImageSets.__getitem__",
     "_read_evaluation(run, step, self._references)",
     '_read_evaluation(run, run.status["steps"], self._references)'),
    ("features of the other direction", f"{SCORER}.scores",
     "self.efficientnet[name]", "self.efficientnet[translations_name(run, step, 'ab')]"),
    ("the first evaluation is scored for all", "metrics.evaluate:evaluate",
     "_read_evaluation(run, step, references)", "_read_evaluation(run, 0, references)"),
    ("the last step's scores for averaged ones", "metrics.evaluate:evaluate",
     '== kind]', '!= kind]'),
    ("judges learn the source domain", "metrics.judge:read_judges",
     'arrays[f"train_labels_{target}"]', 'arrays[f"train_labels_{source}"]',
     'arrays[f"train_images_{target}"]', 'arrays[f"train_images_{source}"]'),
    ("unlabelled images count as misses", "metrics.judge:LabelReader.hits",
     "labelled = labels >= 0", "labelled = labels >= -1"),
    ("jackknife without the others' share", "statistics.intervals:_variance",
     "(inverse_share - 1) * side.values", "inverse_share * side.values"),
    ("jackknife of one sample", "statistics.intervals:jackknife",
     "for side in replicates.sides])\n    if",
     "for side in replicates.sides[:1]])\n    if",
     "for side in replicates.sides])\n    return",
     "for side in replicates.sides[:1]])\n    return"),
    ("KID counts images with themselves", "metrics.kid:_mean_within",
     "float(kernels.sum() - np.trace(kernels)) / (count * (count - 1))", "float(kernels.mean())"),
    ("features are divided by 255", "metrics.kid:kernel", "x.astype(np.float64)",
     "(x / 255).astype(np.float64)"),
)  # fmt: skip


def _swapped(table):
    return dict(zip(table, [*table.values()][::-1], strict=True))


REFERENCES = [
    *defects(
        "scores",
        scores.references,
        ("floor and baseline swapped", f"{SCORING}:reference_scores",
         "floor, distance(source, target)", "distance(source, target), floor"),
        ("baselines against floor images", f"{SCORING}:reference_scores",
         "distance(source, target)", "distance(source, made(one))"),
        ("mean image of test images", f"{SCORING}:reference_scores",
         "others.mean(0)", "yardstick.images[direction.target].mean(0)"),
        ("mean image of the source", f"{SCORING}:reference_scores", "others.mean(0)",
         "images.mean(0)"),
        ("colours of test images", f"{SCORING}:target_colours",
         "images[direction.floor]", "images[direction.target]"),
        ("colours the wrong way round", f"{SCORING}:target_colours",
         "(source - mean)", "(source - to_mean)"),
        ("judge's floor and baseline swapped", "metrics.judge:read_judges",
         '"real": reader', '"untranslated": reader',
         '"untranslated": reader.hits(references[direction.source]',
         '"real": reader.hits(references[direction.source]'),
        ("checkerboard of floors and sources swapped", f"{SCORING}:reference_scores",
         "for x in (floor, source)", "for x in (source, floor)"),
        ("pair baselines of floor images", f"{SCORING}:reference_scores",
         "for made in (images,", "for made in (yardstick.images[direction.truth],"),
        ("references of all images, FD of some", f"{SCORING}:reference_scores",
         "array if n is None else spaced(array, n)", "array",
         "array if n is None else yardstick.pick(array, n)", "array"),
    ),
    Defect(
        "floors of the other direction",
        "scores",
        f"{SCORING}:DIRECTIONS",
        lambda patch: [
            patch.setitem(vars(direction), "floor", floor)
            for direction, floor in zip(_directions(), ("floor_a", "floor_b"), strict=True)
        ],
        scores.references,
    ),
    Defect(
        "PSNR and SSIM swapped",
        "scores",
        f"{SCORING}:CYCLE",
        replaced(f"{SCORING}:CYCLE", _swapped),
        scores.scores,
    ),
    Defect(
        "absolute errors for PSNR",
        "scores",
        f"{SCORING}:PAIR",
        item(f"{SCORING}:PAIR", "pair_psnr", pixel.mae),
        scores.scores,
    ),
]  # fmt: skip


def _directions():
    from harness.metrics.scoring import DIRECTIONS

    return DIRECTIONS


OTHERS = [
    *defects(
        "scores",
        scores.last_step,
        ("averaged features for the last step's", f"{SCORER}.scores",
         "name = translations_name(run, step, array)",
         "name = translations_name(run, step, direction.name)"),
        ("the judge reads averaged translations for the last step's", f"{SCORER}.scores",
         "judge.hits(arrays[array])", "judge.hits(arrays[direction.name])"),
        ("pair scores of averaged translations for the last step's", f"{SCORER}.scores",
         "else {direction.name: arrays[array]}", "else {direction.name: arrays[direction.name]}"),
    ),
    *defects(
        "scores",
        scores.differences,
        ("second minus first", "metrics.evaluate:differences",
         "first.score.replicates - second.score.replicates",
         "second.score.replicates - first.score.replicates"),
        ("backends of a difference in the other order", "metrics.evaluate:differences",
         "[first.backend, second.backend]", "[second.backend, first.backend]"),
        ("differences between seeds", "metrics.evaluate:differences",
         "tuple(score.subject.values())",
         'tuple(v for k, v in score.subject.items() if k != "seed")'),
        ("differences as of unpaired images", "statistics.intervals:Replicates.__sub__",
         "mine.values - its.values", "mine.values - its.values.mean()"),
    ),
    *defects(
        "scores",
        scores.discriminators,
        ("right and wrong swapped", f"{SCORING}:discriminator_rows", "(real > middle)",
         "(real < middle)"),
        ("real and fake patches swapped", f"{SCORING}:discriminator_rows",
         '(f"patches_real_{domain}", f"patches_fake_{domain}")',
         '(f"patches_fake_{domain}", f"patches_real_{domain}")'),
        ("patches of one domain", f"{SCORING}:discriminator_rows",
         'f"patches_real_{domain}"', '"patches_real_a"'),
        ("the middle of other targets", "metrics.evaluate:evaluate", "Objective(**given).middle",
        "0.0"),
    ),
    *defects(
        "scores",
        scores.looks,
        ("a look is not written down", "studies.comparison:score",
         "record_look(folder, device, seeds)", "pass"),
    ),
]  # fmt: skip
