"""The page of a comparison of GANs."""

from __future__ import annotations

from harness.records.experiment import ExperimentFolder
from harness.report.comparison import notes
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.galleries import shown_runs
from harness.report.comparison.page import speed_section, tables_section, whole_page
from harness.report.page import Block, Figure, Galleries, Note, Page, Section

LOSSES = (
    "Above: the loss that each network minimises; of a Wasserstein critic it is a difference of"
    " scores, without a lower bound. Below: the share of images of the training step, real and"
    " made, that the discriminator puts on their side of the middle between its targets (zero,"
    " where it has none)."
)
HISTOGRAMS = (
    "Outputs of the discriminators for real test images (solid) and for samples (dashed), of one"
    " run a framework. Dotted: the middle between the two targets, or zero. Where the curves are"
    " separate, the discriminator recognises samples."
)
CLASSES = (
    "Classes that the judge reads in as many samples as there are test images, and in these. Line:"
    " range over runs. A generator that leaves a class out has a short bar there."
)


def make_gan_page(experiment: ExperimentFolder, findings: ComparisonFindings) -> Page:
    sections = []
    if findings.galleries:
        sections.append(_samples(experiment, findings))
    if findings.metrics:
        sections.append(_scores(experiment, findings))
    if experiment.runs:
        sections += [
            speed_section(experiment, findings),
            _losses(experiment, findings),
            tables_section(experiment, findings),
        ]
    title = f"{experiment.dataset}: {experiment.path('ba')}"
    return whole_page(experiment, findings, title, sections)


def _samples(experiment: ExperimentFolder, findings: ComparisonFindings) -> Section:
    learnt = findings.learnt
    content: list[Block] = [
        Note(f"Seed {shown_runs(experiment)[0].seed}. Left: real test images.", "soft"),
        Galleries(findings.galleries),
        Note(learnt.short),
        *(Note(f"{sentence.lead}: {sentence.text}") for sentence in learnt.sentences),
    ]
    return Section("Samples", tuple(content), anchor="images", link="Samples")


def _scores(experiment: ExperimentFolder, findings: ComparisonFindings) -> Section:
    captions = notes.captions(experiment)
    content: list[Block] = [
        Figure("forest.png", captions["forest"]),
        *map(Note, notes.seeds_needed(findings.metrics)),
        Figure("primary.png", captions["scores"]),
        Figure("classes.png", CLASSES),
        Section(
            "Other scores over training", (Figure("scores.png", captions["scores"]),), folded=True
        ),
    ]
    return Section("Scores", tuple(content), anchor="scores", link="Scores")


def _losses(experiment: ExperimentFolder, findings: ComparisonFindings) -> Section:
    content: tuple[Block, ...] = (
        Figure("losses.png", LOSSES),
        Note(notes.about_losses(experiment), "soft"),
        Figure("histograms.png", HISTOGRAMS),
    )
    return Section("Losses", content, anchor="why", link="Losses")
