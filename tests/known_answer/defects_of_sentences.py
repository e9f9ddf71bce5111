"""Defects of a report's sentences, of its tables as they are shown, and of escaping."""

from __future__ import annotations

import checks_sentences as sentences
import checks_tables as tables
from planting import Defect, defects, item

SCORES = "report.comparison.scores"
LOSSES = "report.comparison.losses"
SPEED = "report.comparison.speed"
VERDICT = "report.comparison.verdict"

SENTENCES = [
    *defects(
        "report",
        sentences.speed,
        ("slower for faster", f"{SPEED}:_no", "'slower' if True in words",
         "'slower' if False in words"),
        ("the first backend is said to be slower", f"{SPEED}:_no",
         "list(rows[0].values)[1]", "list(rows[0].values)[0]"),
        ("names of a ratio swapped", f"{SPEED}:_times_as_long", "for name in rows[0].values)\n",
         "for name in reversed(rows[0].values))\n"),
        ("an interval that holds 1 is a difference", f"{SPEED}:_excludes_one",
         "not low <= 1 <= high", "low <= 1 <= high"),
        ("pairs that were left out are not told", "report.comparison.busy:PairLoad.note",
         "if not self.marked:", "if self.marked:"),
    ),
    *defects(
        "report",
        sentences.alike,
        ("names of the score's ratio swapped", f"{VERDICT}:_numbers",
         "of {second} is {listing} times that of {first}",
         "of {first} is {listing} times that of {second}"),
        ("higher is better", f"{VERDICT}:_numbers", "better = rows[0].metric.better",
         'better = "higher"'),
        ("directions swapped", "records.experiment:ExperimentFolder.path", "for side in sides)",
         "for side in sides[::-1])"),
        ("the second backend's name first", f"{SCORES}:names_of", "for name in row.scores)",
         "for name in reversed(row.scores))"),
        ("one equivalent direction is enough", "report.comparison.outcomes:outcome",
         'return "equivalent" if labels == {"equivalent"} else "open"', 'return "open"'),
        ("domains swapped", "records.experiment:ExperimentFolder.domain",
         "side.upper()", '"BA"["ab".index(side)]', ".get(side)", ".get('none')"),
    ),
    *defects(
        "report",
        sentences.learnt,
        ("better and worse swapped", f"{SCORES}:BackendScore.better_than",
         '1.0 if better == "higher" else -1.0', '-1.0 if better == "higher" else 1.0'),
        ("sentences of the other direction", "report.comparison.baseline_check:have_they_learnt",
         "== (headline.device, headline.direction)", "!= (headline.device, headline.direction)"),
    ),
    *defects(
        "report",
        sentences.course_and_function,
        ("failed checks are not counted", "report.comparison.function_evidence:_failed",
         'not row["passed"]', 'row["passed"]'),
    ),
    *defects(
        "report",
        sentences.divergence,
        ("losses of other seeds apart", "report.comparison.divergence:divergences",
         "if one.seed == other.seed", "if one.seed != other.seed"),
        ("divergence from the next step", "report.comparison.divergence:_distance",
         "np.abs(a - b).sum(axis=0) /", "np.abs(a - np.roll(b, 1, 1)).sum(axis=0) /"),
    ),
    *defects(
        "report",
        tables.latex,
        ("columns of scores swapped", "report.comparison.tables:metric_table",
         "row.scores.get(name)\n", "row.scores.get(backends[::-1][backends.index(name)])\n"),
        ("rows of losses swapped", "report.comparison.tables:loss_table",
         ".get(name), 4)", ".get(experiment.present[::-1][experiment.present.index(name)]), 4)"),
        ("times of the table swapped", "report.comparison.tables:timing_tables",
         "values.get(name)) is None", "values.get(backends[::-1][backends.index(name)])) is None"),
        ("scores are not scaled", f"{SCORES}:MetricRow.text",
         "self.metric.digits, self.metric.scale", "self.metric.digits"),
    ),
    Defect("names are not escaped in LaTeX", "report", "report.latex:SPECIAL",
           item("report.latex:SPECIAL", "<", "<"), tables.latex),
    *defects(
        "page",
        sentences.page,
        ("names are not escaped in HTML", "report.render:_templates", "autoescape=True",
         "autoescape=False"),
        ("names are not escaped in Markdown", "report.render:escape_markdown",
         "escape(line, quote=False)", "line"),
        ("names are not escaped in the chart", f"{LOSSES}:chart_data",
         'text.replace("<", "\\\\u003c")', "text"),
        ("the command does without settings", "config.differences:own_settings",
         "if before.get(key) != value", "if key == value"),
        ("the command does without seeds", "report.comparison.page:command",
         "if experiment.seeds:", "if not experiment.seeds:"),
    ),
    *defects(
        "report",
        tables.environments,
        ("environments of the other backend", "report.comparison.environment:groups",
         "experiment.of(backend, device)",
         "experiment.of(experiment.on(device)[backend == 'torch'], device)"),
        ("environments of one seed", "report.comparison.environment:groups",
         "experiment.of(backend, device)", "experiment.of(backend, device)[:1]"),
    ),
]  # fmt: skip
