"""Sentences that explain a section to readers who see such a report for the first time."""

from __future__ import annotations

from collections.abc import Sequence

from harness.config.presets import DEFAULT
from harness.plan.step_cost import paper_seconds, paper_sentence
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.galleries import shown_runs
from harness.report.comparison.losses import conventions
from harness.report.comparison.scores import MetricRow
from harness.report.comparison.timing import flops_per_second
from harness.report.formatting import fixed, listed, plural
from harness.report.gallery import LOSSLESS, QUALITY
from harness.report.page import Gallery
from harness.statistics.intervals import MINIMUM_SEEDS

# What a metric is, by the first of those that are explained together.
METRICS = {
    "kid_efflite0": "KID and FD measure how far the translated images are from real ones, in the "
    "features of EfficientNet-Lite0. A perfect model reaches the floor (real images compared with "
    "other real images); a model that changes nothing scores the baseline.",
    "kid_judge": "KID measures how far samples are from real test images, in the features that "
    "the judge sees: directions of strokes and a thumbnail. A perfect model reaches the floor "
    "(other real images).",
    "class_distance": "The judge is a classifier trained on the labelled training images. Classes "
    "unlike real ones: half the sum of the absolute differences between the shares of classes that "
    "it reads in samples and in real test images. As clear as real images: the share of samples "
    "that it reads as surely as 95 % of real test images. Brackets of these two, with one seed, "
    "are for other samples, not for other test images.",
    "fid": "FID is the same distance in the features of the Inception network that defines it. It "
    "cannot be compared with published values for another number of images.",
    "judge_accuracy": "The judge is a classifier trained on real images of the target domain. Its "
    "accuracy is the share of translations in which it reads the label of the source image.",
    "checkerboard": "The checkerboard index compares translations with real images at the "
    "frequencies of up-sampling by 2: at 0 dB they are alike, above 0 dB there is an artefact, "
    "below 0 dB the translations are smoother.",
    "cycle_psnr": "Cycle scores compare an image with its round trip.",
}
LAST = (
    "Every number is that of the last step. “Best” is the best of all evaluated steps; it is too "
    "optimistic, because these same test images chose it."
)
OF_BOTH = "Images per second count the images of both domains. "
TIMING = (
    "Training steps are timed in blocks, and the backends run their blocks in turns; the warm-up "
    "is left out. The ratio is computed for each pair of blocks; its 95 % interval comes from the "
    "ordered ratios and is about this machine at that time. "
    "On a CPU, pairs of blocks in which other programs took more than 5 % of the CPU time (with "
    "many CPUs: a quarter of one) are left out; if fewer than six are left, there is no ratio. "
    f"{OF_BOTH}"
    "Energy is that of the whole device during the blocks, with idle power and other programs: "
    "from NVML for a GPU, from RAPL for a processor. Where neither can be read it is left out."
)
AVERAGES = (
    "All other scores are of generators whose weights are a moving average over training. Here the"
    " weights of the last step stand beside them; means over seeds."
)
CAPTIONS = {
    "forest": "The difference of each score divided by its margin; of ratios, their logarithms. "
    "Line: 95 % interval over seeds. Hollow point: fewer than three seeds, which decide nothing. "
    "Green: equivalent, orange: different, grey: not decided. Arrow: farther off than three "
    "margins.",
    "losses": "All eight loss terms, as means over elements (adversarial and discriminator terms: "
    "over patches; discriminators without the factor 1/2).",
    "accuracies": "Share of patches that each discriminator classifies correctly. Curve: images of "
    "the training step, with fakes from the image pool. Diamonds: test images and their "
    "translations. Dotted line: guessing.",
    "discriminators": "Outputs of the discriminators for every patch of the test images (real) and "
    "of translations into their domain (fake), after the last step. Dotted line: the middle "
    "between the two targets (zero for a Wasserstein critic, which has no targets). Where the two "
    "curves are separate, the discriminator recognises translations; where they overlap, it does "
    "not.",
    "blocks": "Every timed block in the order in which they ran, without warm-up. Crosses: other "
    "programs took part of the CPU time; these blocks are in no ratio.",
    "devices": "Median training step on each device, with the 5th to the 95th percentile of its "
    "timed blocks, without warm-up. On the logarithmic scale equal distances are equal ratios.",
    "divergence": "Relative difference of the losses of two runs: absolute differences summed over "
    "all terms, divided by the sum of the losses. Solid: {}, same seed. Dashed: two "
    "seeds of one backend, which share neither weights nor images. Medians over windows of steps. "
    "Dotted line: 1 %.",
    "chart": "Drag across the curves to zoom. Every point is the mean of the steps around it, with "
    "at most 400 points a curve, then smoothed as selected. The conventions differ by a constant "
    "factor.",
    "clocks": "Mean over runs. Idle means waiting for the turn of {}.",
}
# What stands in a caption for two backends, and for more.
OTHERS = {
    "divergence": ("two backends", "each other backend and the first"),
    "clocks": ("the other backend", "the other backends"),
}


def captions(experiment: ExperimentFolder) -> dict[str, str]:
    """A caption a figure."""
    several = any(len(experiment.of(name)) > 1 for name in experiment.present)
    lines, band = (
        ("Line: mean over runs of the running median. Band: range over runs.", "range over runs")
        if several
        else (
            "Strong line: running median. Faint line: every step.",
            "95 % interval for other test images with the same model",
        )
    )
    untranslated = "Dashed: untranslated images. " if len(experiment.directions) > 1 else ""
    more = len(experiment.present) > 2
    others = {name: CAPTIONS[name].format(words[more]) for name, words in OTHERS.items()}
    return {
        "cycle": f"Cycle loss, mean of both generators. {lines}",
        "scores": f"Scores at every evaluated step. Band: {band}. {untranslated}Dotted: real "
        "images.",
        **CAPTIONS,
        **others,
    }


def about_metrics(experiment: ExperimentFolder) -> str:
    """What the numbers and brackets of the metric table are."""
    count = len(experiment.seeds)
    if count >= MINIMUM_SEEDS:
        brackets = (
            "Values are means over seeds; brackets are 95 % t intervals over seeds, of a ratio "
            "Fieller's, each for itself: they are not corrected for the number of scores or looks. "
            "The verdict is “equivalent” by two one-sided tests at 5 % (with one look: the 90 % "
            "interval lies within the margin), and “different” where the score is surely beyond "
            "the margin (with one look: the whole 95 % interval is). The primary score decides; "
            "verdicts of secondary scores are corrected for their number (Holm)."
        )
        comparisons = max(len(experiment.pairs(device)) for device in experiment.devices)
        if comparisons > 1:
            brackets += (
                f" Those of the primary score are corrected for its {comparisons} comparisons"
                " (Holm), so that 5 % is the chance of any false “equivalent” among them."
            )
    elif count == 1:
        brackets = (
            "Brackets are 95 % intervals for other test images with the same models (grouped "
            "jackknife; paired for the difference). They say nothing about another seed."
        )
    else:
        brackets = "Values are means over two seeds, too few for an interval."
    scored = {score["metric"] for score in experiment.metrics.get("scores", [])}
    return " ".join([*(text for name, text in METRICS.items() if name in scored), LAST, brackets])


def seeds_needed(rows: Sequence[MetricRow]) -> list[str]:
    """What verdicts that are open need, in one sentence for all of them; none where none is."""
    undecided = [row for row in rows if row.verdict and row.verdict.label == "cannot tell yet"]
    missing = [MINIMUM_SEEDS - row.seeds for row in undecided if row.seeds < MINIMUM_SEEDS]
    if missing:
        return [f"A verdict needs at least {plural(max(missing), 'more seed')}."]
    verdicts = [row.verdict for row in undecided if row.verdict and not row.verdict.no_ratio]
    if not verdicts:
        return []
    scores = f"{len(verdicts)} of {plural(len(rows), 'row')} are not decided"
    least = [verdict.least_seeds for verdict in verdicts if verdict.least_seeds is not None]
    most = [verdict.further_seeds for verdict in verdicts]
    if not least:
        return [f"{scores}; more than {verdicts[0].most} seeds would be needed."]
    known = [count for count in most if count is not None]
    beyond = " and more" if len(known) < len(most) else ""
    ends = dict.fromkeys([f"{min(least):,}", f"{max([*least, *known]):,}"])
    return [
        f"{scores}: {' to '.join(ends)}{beyond} further seeds would decide them if the backends are"
        " equal."
    ]


def about_timing(experiment: ExperimentFolder) -> str:
    """How times were measured; of the default preset also what the largest would take at most."""
    one_way = len(experiment.directions) == 1
    sentences = [TIMING.replace(OF_BOTH, "") if one_way else TIMING]
    comparisons = max((len(experiment.pairs(device)) for device in experiment.devices), default=1)
    if comparisons > 1:
        sentences.append(
            f"Each of {comparisons} backends is compared with the first; the intervals of their"
            " ratios hold together at 95 % (Bonferroni)."
        )
    shared = {run.seed: b for run in experiment.runs if (b := run.environment.get("beside"))}
    timed = [str(seed) for seed in sorted(shared) if shared[seed]["start"]]
    if any(b["start"] < experiment.runs[0].status["steps"] for b in shared.values()):
        of = f"{'seed' if len(timed) == 1 else 'seeds'} {listed(timed)}"
        if len(timed) == len(shared):
            of = "each run"
        first = plural(max(b["start"] for b in shared.values()), "step")
        how = "side by side, each backend with its share of the threads"
        if any(b.get("turns") for b in shared.values()):
            how = "while other seeds were, on other devices"
        sentences.append(
            f"Only the first {first} of {of} were timed; the others were trained {how}."
        )
    for device in experiment.devices if experiment.preset == DEFAULT else ():
        speeds = [flops_per_second(experiment.of(name, device)) for name in experiment.on(device)]
        counts = experiment.audit["counts"]
        measured = [speed for speed in speeds if speed]
        seconds = paper_seconds(experiment.dataset, (counts["trainA"], counts["trainB"]), measured)
        if seconds and len(measured) == len(speeds):
            where = f"on {experiment.device_title(device)}"
            sentences.append(paper_sentence(seconds, len(speeds), where))
    return " ".join(sentences)


def about_cases(experiment: ExperimentFolder) -> str:
    """How these images were chosen."""
    mean = ", averaged over backends" if len(experiment.present) > 1 else ""
    return (
        f"The test images with the best and the worst values{mean}, of the run shown above. They "
        "show where a model fails, not how often."
    )


def about_losses(experiment: ExperimentFolder) -> str:
    over = " and over the runs" if len(experiment.runs) > len(experiment.present) else ""
    return (
        f"Means over the last tenth of the run{over}. The curves of two runs drift apart even if "
        "only rounding differs: such a difference alone means nothing."
    )


def about_images(experiment: ExperimentFolder, galleries: tuple[Gallery, ...]) -> str:
    """Which run, which images and how they are encoded."""
    run = shown_runs(experiment)[0]
    where = f" on {experiment.device_title(run.device)}" if len(experiment.devices) > 1 else ""
    several = len(experiment.seeds) > 1 or where
    seed = f"Seed {run.seed}{where}, after the last step. " if several else "After the last step. "
    large = galleries[0].columns[0].images.shape[2] > LOSSLESS
    lossy = (
        f" Shown as JPEG (quality {QUALITY}); evaluations/ holds the exact pixels." if large else ""
    )
    chosen = ", ".join(str(index) for index in galleries[0].indices)
    difference = (
        " Difference: absolute, mean over channels; black is 0, white the largest shown."
        if any(column.title.startswith("difference") for column in galleries[0].columns)
        else ""
    )
    return f"{seed}Test images {chosen}: evenly spaced, not selected by result.{difference}{lossy}"


def about_conventions(experiment: ExperimentFolder) -> str:
    """Why one loss has several values (docs/conventions.md)."""
    units = conventions(experiment)
    objective, (a, b) = units.objective, (units.elements[side] for side in "ab")
    lambdas = (objective.lambda_a, objective.lambda_b)
    weighted = " and ".join(f"{weight:g}" for weight in dict.fromkeys(lambdas))
    counts = " or ".join(fixed(count, 0) for count in dict.fromkeys((a, b)))
    norm, whole = ("L1", 2) if objective.cycle_norm == "l1" else ("squared L2", 4)
    return (
        "These are the same number in different units. The mean is over the elements of tensors "
        f"from −1 to 1. Multiplied by {counts} pixels and channels it is the "  # noqa: RUF001
        f"paper's unnormalised {norm} norm; divided by {whole} it is normalised (0 to 1 for any "
        f"image size); multiplied by lambda = {weighted} it is weighted (what the optimiser "
        "minimises and the authors' code prints)."
    )


def about_counts(experiment: ExperimentFolder) -> str:
    counts = [f"{split} {count:,}" for split, count in experiment.audit["counts"].items()]
    pairs = (
        "Every test image has a known true translation."
        if experiment.manifest["paired"]
        else "There are no true pairs."
    )
    return f"Images: {', '.join(counts)}. {pairs}"
