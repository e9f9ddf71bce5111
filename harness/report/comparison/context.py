"""What the page templates are given: findings as tables, lists and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.records.experiment import ExperimentFolder
from harness.records.imported_losses import read_imported
from harness.report.comparison import environment, notes, tables
from harness.report.comparison.curves import chart_data
from harness.report.comparison.divergence import why
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.reproduce import reproduction
from harness.report.comparison.summary_sentences import summary_sentences
from harness.report.formatting import plural

FID = "FID: not computed (Inception weights absent; cyclebench fetch-weights)"
LONG = 8  # longer lists are folded away
MOST = 200  # entries of a list; a page of MNIST would else name all of its images as grey


@dataclass(frozen=True)
class Listing:
    """A title and its entries; folded away where `long`."""

    title: str
    entries: tuple[str, ...]

    @property
    def long(self) -> bool:
        return len(self.entries) > LONG


def context(
    experiment: ExperimentFolder, findings: ComparisonFindings, figures: dict[str, bytes]
) -> dict[str, Any]:
    """Names used in templates/; StrictUndefined refuses any other."""
    galleries, any_run = findings.galleries, bool(experiment.runs)
    return {
        "experiment": experiment,
        "findings": findings,
        "figures": list(figures),
        "about": _about(experiment),
        "contents": _contents(experiment, findings),
        "lead": summary_sentences(
            experiment, findings.metrics, findings.timing, findings.divergences
        ),
        "unfinished": _unfinished(experiment),
        "warnings": environment.warnings(experiment),
        "fid": None if any(row.metric.name == "fid" for row in findings.metrics) else FID,
        "images": notes.about_images(experiment, galleries),
        "gallery_rows": [
            [g for g in galleries if g.name in names]
            for names in (("ab", "ba"), ("aba", "bab"), ("identity_a", "identity_b"))
        ],
        "cases": notes.about_cases(experiment),
        "captions": notes.captions(experiment),
        "why": why(experiment, findings.divergences),
        "curves": chart_data(experiment),
        "imported": [
            f"{curves.title}: {' '.join(curves.declared)}"
            for curves in read_imported(experiment.folder)
        ],
        "conventions": notes.about_conventions(experiment),
        "cycle": tables.cycle_table(experiment, findings.losses) if any_run else None,
        "losses_note": notes.about_losses(experiment),
        "losses": tables.loss_table(experiment, findings.losses) if any_run else None,
        "metrics_note": notes.about_metrics(experiment),
        "metrics": [
            tables.metric_table(experiment, findings.metrics, device)
            for device in experiment.devices
            if findings.metrics
        ],
        "timing_note": notes.about_timing(experiment),
        "timing": {
            device: (
                tables.timing_tables(experiment, findings.timing, device),
                tables.clocks(experiment, device),
            )
            for device in experiment.devices
        },
        "environment": tables.environment_table(experiment) if any_run else None,
        "counts": notes.about_counts(experiment),
        "audit": _audit(experiment),
        "configuration": tables.configuration_table(experiment),
        "reproduce": reproduction(experiment),
    }


def _contents(experiment: ExperimentFolder, findings: ComparisonFindings) -> dict[str, str]:
    """Sections of the page by id, in order."""
    runs = {"fast": "As fast?", "why": "Why?"} if experiment.runs else {}
    return {
        "answer": "Answer",
        **({"same": "The same?"} if findings.metrics or findings.galleries else {}),
        **runs,
        "data": "Data",
        **({"environment": "Environment"} if experiment.runs else {}),
        "configuration": "Configuration",
        "reproduce": "Reproduce",
    }


def _about(experiment: ExperimentFolder) -> list[str]:
    """What was compared, a phrase each."""
    backends = " and ".join(experiment.title(name) for name in experiment.present)
    sizes = dict.fromkeys(_image_shape(experiment, side) for side in "ab")
    parts = [f"preset {experiment.preset}", " and ".join(sizes)]
    if experiment.runs:
        steps = max(run.status["steps"] for run in experiment.runs)
        batch = experiment.setting("training.batch_size")
        parts += [f"{steps:,} steps of batch {batch}", plural(len(experiment.runs), "complete run")]
    return [*([backends] if backends else []), *parts, f"experiment {experiment.hash}"]


def _image_shape(experiment: ExperimentFolder, side: str) -> str:
    height, width, channels = experiment.image_shape(side)
    return f"{height} × {width} pixels" + (" of grey" if channels == 1 else "")  # noqa: RUF001


def _unfinished(experiment: ExperimentFolder) -> list[str]:
    return [
        f"{run.device}/{run.backend}-seed{run.seed}: {run.status['state']} at step "
        f"{run.status['step']:,} of {run.status['steps']:,}"
        + (f" ({why})" if (why := run.status.get("why")) else "")
        for run in experiment.unfinished
    ]


def _audit(experiment: ExperimentFolder) -> list[Listing]:
    audit = experiment.audit
    duplicates = [
        f"{d['split']}/{d['name']} = {d['other_split']}/{d['other_name']}"
        for d in audit["duplicates"]
    ]
    greyscale = [f"{item['split']}/{item['name']}" for item in audit["greyscale"]]
    unreadable = [
        f"{item['split']}/{item['name']}: {item['problem']}" for item in audit["unreadable"]
    ]
    listings = []
    for entries, noun, description in (
        (duplicates, "pair", "of images with equal pixels, where the splits should differ"),
        (greyscale, "image", "stored without colour"),
        (unreadable, "file", "unreadable and left out"),
    ):
        count = plural(len(entries), noun) if entries else f"No {noun}s"
        if len(entries) > MOST:
            entries[MOST:] = [f"and {len(entries) - MOST:,} more: audit.json"]
        listings.append(Listing(f"{count} {description}", tuple(entries)))
    return listings
