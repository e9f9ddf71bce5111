"""Sentences that explain a section to whoever reads such a report for the first time."""

from __future__ import annotations

from harness.config.presets import DEFAULT
from harness.plan.larger_preset import sentence, training_seconds
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.losses import conventions
from harness.report.comparison.timing import flops_per_second
from harness.report.formatting import fixed
from harness.report.gallery import LOSSLESS, QUALITY, Gallery, shown_runs
from harness.statistics.intervals import MINIMUM_SEEDS

# What a metric is, by the first of those that are explained together.
METRICS = {
    "kid_efflite0": "KID and FD measure how far translated images are from real ones in the "
    "features of EfficientNet-Lite0; a perfect model reaches the floor (real images against other "
    "real images), doing nothing scores the baseline.",
    "fid": "FID is that distance in the features of the Inception network it is defined by; values "
    "published for other numbers of images cannot be compared with it.",
    "judge_accuracy": "The judge is a classifier trained on real images of the target domain: the "
    "share of translations in which it reads the source's label, beside what it reads in real "
    "images.",
    "checkerboard": "The checkerboard index compares translations with real images at the "
    "frequencies of up-sampling by 2: 0 dB is as in real images, above is an artefact, below is "
    "smoother than they are.",
    "cycle_psnr": "Cycle scores compare round trips with their originals.",
}
LAST = (
    "Every number is that of the last step; “best” is the best of all evaluated steps, which "
    "flatters: it was chosen by these very test images."
)
TIMING = (
    "Steps are timed in blocks that the backends ran in turns, warm-up apart. The ratio is formed "
    "block pair by block pair; its interval (95 %, from the ordered pairs) is about this machine "
    "at that time. "
    "Images a second count the images of both domains. "
    "Energy is what the whole device used meanwhile, idle power and other programs included: a GPU "
    "as NVML counts it, processors as RAPL does; it is left out where neither can be read."
)
CAPTIONS = {
    "losses": "All eight terms, as means over elements (adversarial and discriminator terms: over "
    "patches; discriminators before the factor 1/2).",
    "accuracies": "Share of patches each discriminator judges rightly. Curve: images of the "
    "training step, fakes as an image pool shows them. Diamonds: test images and their "
    "translations. Dotted: guessing.",
    "discriminators": "What the discriminators say of every patch of the test images (real) and of "
    "translations into their domain (fake), after the last step. Dotted: the middle between the "
    "two targets (zero for a Wasserstein critic, which has none). Two curves apart: the "
    "discriminator wins; on top of each other: it is fooled, or has learnt nothing.",
    "blocks": "Every timed block in the order in which they ran, without warm-up.",
    "devices": "Median training step on each device, and the 5th to the 95th percentile of its "
    "timed blocks, without warm-up. The scale is logarithmic: the same ratio is the same distance "
    "everywhere.",
    "divergence": "How far the losses of two runs are apart, of their size: sum over all terms of "
    "the absolute difference. Solid: two backends, same seed. Dashed: two seeds of one backend, "
    "which share neither weights nor images. Medians over windows; dotted: one hundredth.",
    "chart": "Drag across the curves to zoom; every point is the mean of the steps around it, at "
    "most 400 a curve, then smoothed as chosen. Conventions differ by a factor, never in shape.",
    "clocks": "Mean over runs. Idle is waiting for the other backend's turn.",
}


def captions(experiment: ExperimentFolder) -> dict[str, str]:
    """A caption a figure."""
    several = any(len(experiment.of(name)) > 1 for name in experiment.present)
    lines = (
        "Line: mean over runs of the running median; band: their range."
        if several
        else "Strong line: running median; faint: every step."
    )
    band = (
        "band: range over runs"
        if several
        else "band: 95 % interval for other test images with this very model"
    )
    scores = (
        f"Scores at every evaluated step; {band}. Dashed: the untranslated images. Dotted: real "
        "images."
    )
    cycle = f"Cycle loss, mean of both generators. {lines}"
    return {"cycle": cycle, "scores": scores, **CAPTIONS}


def about_metrics(experiment: ExperimentFolder) -> str:
    """What the numbers and brackets of the metric table are."""
    count = len(experiment.seeds)
    if count >= MINIMUM_SEEDS:
        brackets = (
            "Values are means over seeds, brackets 95 % t intervals over seeds; a verdict is "
            "“equivalent” by two one-sided tests at 5 % (the 90 % interval lies within the "
            "margin), “different” where the 95 % interval lies beyond it."
        )
    elif count == 1:
        brackets = (
            "Brackets are 95 % intervals for other test images (grouped jackknife; paired for the "
            "difference) with these very models: they say nothing about another seed."
        )
    else:
        brackets = "Values are means over two seeds, which is too few for an interval."
    scored = {score["metric"] for score in experiment.metrics.get("scores", [])}
    return " ".join([*(text for name, text in METRICS.items() if name in scored), LAST, brackets])


def about_timing(experiment: ExperimentFolder) -> str:
    """How times were measured; of the default preset also what the largest would take at most."""
    found = []
    for device in experiment.devices if experiment.preset == DEFAULT else ():
        speeds = [flops_per_second(experiment.of(name, device)) for name in experiment.on(device)]
        counts = experiment.audit["counts"]
        known = [speed for speed in speeds if speed]
        seconds = training_seconds(experiment.dataset, (counts["trainA"], counts["trainB"]), known)
        if seconds and len(known) == len(speeds):
            where = f"on {experiment.device_title(device)}"
            found.append(sentence(seconds, len(speeds), where))
    return " ".join([TIMING, *found])


def about_cases(experiment: ExperimentFolder) -> str:
    """How these images were chosen."""
    several = len(experiment.present) > 1
    mean = ", by the mean over backends" if several else ""
    return (
        f"Chosen: the test images at either end of a measure{mean}, of the run shown above. They "
        "tell where a model fails, not how often."
    )


def about_losses(experiment: ExperimentFolder) -> str:
    over = " and over the runs" if len(experiment.runs) > len(experiment.present) else ""
    return (
        f"Means over the last tenth of the run{over}. Curves of two runs drift apart even where "
        "nothing but rounding differs: that alone means nothing."
    )


def about_images(experiment: ExperimentFolder, galleries: tuple[Gallery, ...]) -> str:
    """Which run, which images and how they are encoded."""
    if not galleries:
        return ""
    run = shown_runs(experiment)[0]
    where = f" on {experiment.device_title(run.device)}" if len(experiment.devices) > 1 else ""
    several = len(experiment.seeds) > 1 or where
    seed = f"Seed {run.seed}{where}, after the last step. " if several else "After the last step. "
    large = galleries[0].columns[0].images.shape[2] > LOSSLESS
    lossy = (
        f" Shown as JPEG (quality {QUALITY}); evaluations/ holds the exact pixels." if large else ""
    )
    chosen = ", ".join(str(index) for index in galleries[0].indices)
    return f"{seed}Test images {chosen}: evenly spaced, not chosen.{lossy}"


def about_conventions(experiment: ExperimentFolder) -> str:
    """Why one loss has several values (DESIGN.md, "Losses: four conventions")."""
    units = conventions(experiment)
    objective, (a, b) = units.objective, (units.elements[side] for side in "ab")
    lambdas = (objective.lambda_a, objective.lambda_b)
    weighted = " and ".join(f"{each:g}" for each in dict.fromkeys(lambdas))
    counts = " or ".join(fixed(each, 0) for each in dict.fromkeys((a, b)))
    norm, whole = ("L1", 2) if objective.cycle_norm == "l1" else ("squared L2", 4)
    return (
        "These are one and the same number in different units. The mean over elements (of tensors "
        f"from −1 to 1), times {counts} pixels and channels, is the paper's "  # noqa: RUF001
        f"unnormalised {norm} norm; divided by {whole} it is normalised (0 to 1, whatever the "
        f"image size); times lambda = {weighted} it is weighted (what the optimiser sees and the "
        "authors' code prints)."
    )


def about_counts(experiment: ExperimentFolder) -> str:
    counts = [f"{split} {count:,}" for split, count in experiment.audit["counts"].items()]
    pairs = (
        "Every test image has a known true translation."
        if experiment.manifest["paired"]
        else "There are no true pairs."
    )
    return f"Images: {', '.join(counts)}. {pairs}"
