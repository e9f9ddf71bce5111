"""The page of a comparison: findings as sentences, tables, figures and images, in their order."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from harness.config.differences import own_settings
from harness.records.experiment import ExperimentFolder
from harness.records.imported_losses import read_imported
from harness.report.comparison import environment, notes, tables
from harness.report.comparison.divergence import why
from harness.report.comparison.evidence import evidence_tables
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.losses import chart_data
from harness.report.comparison.published import published_section
from harness.report.formatting import listed, plural
from harness.report.page import Block, Chart, Figure, Galleries, Items, Note, Page, Section

FID = "FID: not computed (Inception weights absent; cyclebench fetch-weights)"
LONG = 8  # longer lists are folded away
MOST = 200  # entries of a list; a page of MNIST would else name all of its images as grey
# Folded: name of the figure -> title.
LOSS_FIGURES = {
    "cycle": "Cycle loss on three scales",
    "losses": "All terms in one picture",
    "accuracies": "How often the discriminators are right",
    "discriminators": "What the discriminators say of the test images",
}


def make_page(experiment: ExperimentFolder, findings: ComparisonFindings) -> Page:
    sections = []
    if findings.galleries:
        sections.append(_images(experiment, findings))
    if findings.metrics:
        sections.append(_scores(experiment, findings))
    if experiment.runs:
        sections += [speed_section(experiment, findings), _why(experiment, findings)]
        published = published_section(experiment, findings.metrics, findings.timing)
        sections += [published] if published else []
        sections.append(tables_section(experiment, findings))
    title = f"{experiment.dataset}: {experiment.domain('a')} ⇄ {experiment.domain('b')}"
    return whole_page(experiment, findings, title, sections)


def whole_page(
    experiment: ExperimentFolder,
    findings: ComparisonFindings,
    title: str,
    sections: Sequence[Section],
) -> Page:
    """Answers, `sections`, and what every kind of model has behind them."""
    sections = [*sections, _data(experiment)]
    if experiment.runs:
        where = Section(
            "Where each run was made", (tables.environment_table(experiment),), folded=True
        )
        sections.append(Section("Environment", (where,), anchor="environment", link="Environment"))
    settings = tables.configuration_table(experiment)
    folded = Section("Every setting of this experiment", (settings,), folded=True)
    sections += [
        Section("Configuration", (folded,), anchor="configuration", link="Configuration"),
        _reproduce(experiment),
    ]
    unfinished = tuple(
        f"{run.device}/{run.folder.name}: {run.status['state']} at step "
        f"{run.status['step']:,} of {run.status['steps']:,}"
        + (f" ({reason})" if (reason := run.status.get("why")) else "")
        for run in experiment.unfinished
    )
    warnings = tuple(environment.warnings(experiment))
    below: list[Note | Items] = []
    if unfinished:
        below.append(Items(unfinished, "Not complete, left out of every number:"))
    if warnings:
        below.append(Items(warnings, "These runs are not quite like for like:"))
    return Page(
        title,
        _about(experiment),
        findings.answers,
        tuple(sections),
        lead=findings.scope,
        pictures=Galleries(findings.pictures) if findings.pictures else None,
        notes=tuple(below),
    )


def _about(experiment: ExperimentFolder) -> tuple[str, ...]:
    """What was compared, a phrase each."""
    titles = [experiment.title(name) for name in experiment.present]
    sizes = []
    for side in sorted({direction[1] for direction in experiment.directions}):
        height, width, channels = experiment.image_shape(side)
        sizes.append(f"{height} × {width} pixels" + (" of grey" if channels == 1 else ""))  # noqa: RUF001
    parts = [f"preset {experiment.preset}", " and ".join(dict.fromkeys(sizes))]
    if experiment.runs:
        steps = max(run.status["steps"] for run in experiment.runs)
        batch = experiment.setting("training.batch_size")
        parts += [f"{steps:,} steps of batch {batch}", plural(len(experiment.runs), "complete run")]
    return (*([listed(titles)] if titles else []), *parts, f"experiment {experiment.hash}")


def _fid(findings: ComparisonFindings) -> list[Note]:
    computed = any(row.metric.name == "fid" for row in findings.metrics)
    return [] if computed else [Note(FID, "soft")]


def _images(experiment: ExperimentFolder, findings: ComparisonFindings) -> Section:
    def rows(*names: str) -> list[Galleries]:
        """Both directions side by side."""
        found = tuple(gallery for gallery in findings.galleries if gallery.name in names)
        return [Galleries(found)] if found else []

    content: list[Block] = [
        Note(notes.about_images(experiment, findings.galleries), "soft"),
        *rows("ab", "ba"),
    ]
    if others := (*rows("aba", "bab"), *rows("identity_a", "identity_b")):
        content.append(Section("Round trips and identity images", others, folded=True))
    if findings.cases:
        chosen = Note(notes.about_cases(experiment), "soft")
        cases = (chosen, Galleries(findings.cases))
        content.append(Section("Best and worst", cases, folded=True))
    if findings.metrics:
        learnt = findings.learnt
        texts = [f"{s.lead}: {s.text}" if s.lead else s.text for s in learnt.sentences]
        table = tables.baseline_table(experiment, findings.metrics)
        full: tuple[Block, ...] = (*map(Note, [learnt.short, *texts]), *([table] if table else []))
        content.append(Section(learnt.question, full, folded=True))
    return Section("Images", tuple(content), anchor="images", link="Images")


def _scores(experiment: ExperimentFolder, findings: ComparisonFindings) -> Section:
    captions = notes.captions(experiment)
    others = Section(
        "Other scores over training", (Figure("scores.png", captions["scores"]),), folded=True
    )
    content: list[Block] = [
        Figure("forest.png", captions["forest"]),
        *map(Note, notes.seeds_needed(findings.metrics)),
        Figure("primary.png", captions["scores"]),
        others,
        *_fid(findings),
    ]
    return Section("Scores", tuple(content), anchor="scores", link="Scores")


def tables_section(experiment: ExperimentFolder, findings: ComparisonFindings) -> Section:
    content: list[Block] = []
    if findings.metrics:
        every = [
            tables.metric_table(experiment, findings.metrics, device)
            for device in experiment.devices
        ]
        all_scores: tuple[Block, ...] = (
            Note(notes.about_metrics(experiment)),
            Figure("forest_all.png", notes.captions(experiment)["forest"]),
            *every,
        )
        content.append(Section("All scores", all_scores, folded=True))
        if last := tables.last_step_table(experiment, findings.metrics):
            title = "Averaged weights and those of the last step"
            content.append(Section(title, (Note(notes.AVERAGES, "soft"), last), folded=True))
    losses = tables.loss_table(experiment, findings.losses)
    conventions = len({row.convention for row in findings.losses})
    title = f"Every loss term{' in every convention' if conventions > 1 else ''}"
    content.append(Section(title, (losses,), folded=True))
    for device in experiment.devices:
        clocks = (
            Note(notes.captions(experiment)["clocks"], "soft"),
            tables.clocks(experiment, device),
        )
        several = len(experiment.devices) > 1
        where = f", {experiment.device_title(device)}" if several else ""
        content.append(Section(f"Where the wall clock went{where}", clocks, folded=True))
    content += evidence_tables(findings.evidence)
    return Section("Tables in full", tuple(content), anchor="tables", link="Tables")


def speed_section(experiment: ExperimentFolder, findings: ComparisonFindings) -> Section:
    captions = notes.captions(experiment)
    content: list[Block] = [Figure("devices.png", captions["devices"])]
    for device in experiment.devices:
        content += tables.timing_tables(experiment, findings.timing, device)
        content.append(Figure(f"blocks_{device}.png", captions["blocks"]))
    how = Note(notes.about_timing(experiment))
    content.append(Section("How it was measured", (how,), folded=True))
    return Section("Speed", tuple(content), anchor="fast", link="Speed")


def _why(experiment: ExperimentFolder, findings: ComparisonFindings) -> Section:
    captions = notes.captions(experiment)
    imported = tuple(
        f"{curves.title}: {' '.join(curves.declared)}"
        for curves in read_imported(experiment.folder)
    )
    losses = Section(
        "Losses, and why those of other code look different",
        (
            Note(notes.about_conventions(experiment)),
            tables.cycle_table(experiment, findings.losses),
            Note(notes.about_losses(experiment), "soft"),
            Chart(chart_data(experiment), captions["chart"], imported),
            *(
                Section(title, (Figure(f"{name}.png", captions[name]),), folded=True)
                for name, title in LOSS_FIGURES.items()
            ),
        ),
    )
    return Section(
        "Why?",
        (
            *map(Note, why(experiment, findings.divergences)),
            Figure("divergence.png", captions["divergence"]),
            losses,
        ),
        anchor="why",
        link="Why?",
    )


def _data(experiment: ExperimentFolder) -> Section:
    audit = experiment.audit
    duplicates = [
        f"{d['split']}/{d['name']} = {d['other_split']}/{d['other_name']}"
        for d in audit["duplicates"]
    ]
    greyscale, turned = (
        [f"{item['split']}/{item['name']}" for item in audit.get(kind, [])]
        for kind in ("greyscale", "turned")
    )
    unreadable = [
        f"{item['split']}/{item['name']}: {item['problem']}" for item in audit["unreadable"]
    ]
    content: list[Block] = [Note(notes.about_counts(experiment))]
    for entries, noun, description in (
        (duplicates, "pair", "of images with equal pixels, where the splits should differ"),
        (greyscale, "image", "stored without colour"),
        (turned, "image", "that a camera's mark says to turn, used as it lies in the file"),
        (unreadable, "file", "below the splits' folders left out"),
    ):
        count = plural(len(entries), noun) if entries else f"No {noun}s"
        title = f"{count} {description}"
        if len(entries) > MOST:
            entries[MOST:] = [f"and {len(entries) - MOST:,} more: audit.json"]
        items = [Items(tuple(entries))] if entries else []
        if len(entries) > LONG:
            content.append(Section(title, tuple(items), folded=True))
        else:
            content += [Note(title), *items]
    return Section("Data", tuple(content), anchor="data", link="Data")


def _reproduce(experiment: ExperimentFolder) -> Section:
    before = []
    revisions = {r for run in experiment.runs if (r := run.environment.get("git_revision"))}
    if revisions:
        changed = any(revision.endswith("+") for revision in revisions)
        edited = "; + means with changes that were not committed" if changed else ""
        before.append(f"Made at revision {listed(sorted(revisions))} of the code{edited}.")
    before.append(
        "A photograph data set is looked for in DATA_DIR, then downloaded; the data must have the"
        " checksums in manifest.json."
        if experiment.dataset not in ("seasons", "digits")
        else "The data set is drawn by the program: nothing has to be downloaded."
    )
    folder = f"results/{experiment.dataset}-{experiment.preset}-{experiment.hash}"
    events = ", tensorboard/" if experiment.kind == "cyclegan" else ""
    after = (
        f"make verify RUN={shlex.quote(folder)} then checks the hashes of every run and trains its"
        " first steps again: on a CPU with the same versions and threads they are equal to the"
        " last bit.",
        f"Beside this page: figures/ (PNG, SVG, PDF), tables/ (CSV in full, LaTeX){events},"
        " and summary.json and metrics.json for programs.",
    )
    return Section(
        "How to reproduce this",
        (*map(Note, before), Note(command(experiment), "command"), *map(Note, after)),
        anchor="reproduce",
        link="Reproduce",
    )


def command(experiment: ExperimentFolder) -> str:
    """Makes these runs again, from a shell.

    Its settings are those that the preset, as it is now, does not have.
    """
    words = ["make", "compare", f"DATASET={experiment.dataset}", f"PRESET={experiment.preset}"]
    if experiment.seeds:
        words.append(f"SEEDS={','.join(map(str, experiment.seeds))}")
    kinds = {run.environment.get("device_kind") for run in experiment.runs} - {None}
    if len(kinds) == 1:
        words.append(f"DEVICE={kinds.pop()}")
    settings = [
        # On one line, as `--set` reads it: JSON is YAML.
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in own_settings(experiment.configuration, experiment.preset).items()
    ]
    if settings:
        words.append(f"SET={' '.join(settings)}")
    return shlex.join(words)
