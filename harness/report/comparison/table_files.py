"""A report's tables as files of their own: CSV with the full numbers, LaTeX with the shown ones."""

from __future__ import annotations

from harness.records.experiment import ExperimentFolder
from harness.report.comparison import tables
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.frames import frames
from harness.report.latex import document
from harness.report.page import Table

Captioned = tuple[str, str, Table]  # label, caption, table


def table_files(experiment: ExperimentFolder, findings: ComparisonFindings) -> dict[str, bytes]:
    """Path below the experiment's folder -> content."""
    full, shown = frames(experiment, findings), _shown(experiment, findings)
    files = {
        f"tables/{name}.csv": frame.to_csv(index=False, lineterminator="\n").encode()
        for name, frame in full.items()
    }
    return files | {
        f"tables/{name}.tex": document(found).encode() for name, found in shown.items() if found
    }


def _shown(
    experiment: ExperimentFolder, findings: ComparisonFindings
) -> dict[str, list[Captioned]]:
    """By file name, the tables as the report has them: one a device, where it has one a device."""
    about = f"{experiment.dataset}, preset {experiment.preset}"
    devices = [(device, experiment.device_title(device)) for device in experiment.devices]
    configuration = (
        "configuration", f"Configuration ({about}).", tables.configuration_table(experiment)
    )  # fmt: skip
    if not experiment.runs:
        return {"configuration": [configuration]}
    scores = [
        (
            f"scores-{device}",
            f"Scores on the test split ({about}; {title}). Brackets: 95 % intervals, of one run for"
            " other test images, of three runs and more for other seeds.",
            tables.metric_table(experiment, findings.metrics, device),
        )
        for device, title in devices
        if findings.metrics
    ]
    timing = [
        (
            f"timing-{device}-{place}",
            f"Speed and memory ({about}; {title}). Bracket: 95 % interval over pairs of blocks.",
            table,
        )
        for device, title in devices
        for place, table in enumerate(tables.timing_tables(experiment, findings.timing, device))
    ]
    clocks = [
        (f"clocks-{device}", f"Where the wall clock went ({about}; {title}), mean over runs.",
         tables.clocks(experiment, device))
        for device, title in devices
    ]  # fmt: skip
    tenth = f"mean over the last tenth of the run ({about})"
    return {
        "scores": scores,
        "cycle": [("cycle", f"Cycle loss in four conventions, {tenth}.",
                   tables.cycle_table(experiment, findings.losses))],
        "losses": [("losses", f"Every loss term in each convention it has, {tenth}.",
                    tables.loss_table(experiment, findings.losses))],
        "timing": timing,
        "clocks": clocks,
        "environment": [("environment", f"What the runs ran on and with ({about}).",
                         tables.environment_table(experiment))],
        "configuration": [configuration],
    }  # fmt: skip
