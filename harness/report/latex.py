"""A report's table as LaTeX (booktabs), for a paper: the numbers and intervals as it shows them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from harness.report.page import Cell, Table

LONG = 40  # rows; longer tables may break across pages
# What LaTeX would read as markup, joins to another character, or has no glyph for in text.
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "_": r"\_", "%": r"\%", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}", "'": r"\textquotesingle{}",
    # After a line's end these would be its options.
    "[": "{[}", "]": "{]}", "*": "{*}",
    "\u2212": "$-$", "\u2013": "--", "\u2014": "---", "±": r"$\pm$", "×": r"$\times$",  # noqa: RUF001
    "→": r"$\rightarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$", "…": r"\ldots{}", "\u00a0": "~",
}  # fmt: skip


def escape(text: str) -> str:
    """Text that means itself in LaTeX (T1 encoding), on one line. Other scripts stay as UTF-8."""
    plain = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    apart = re.sub("-(?=-)", "-\0", re.sub("[ ]+", " ", plain))
    return "".join(SPECIAL.get(c, c) for c in apart).replace("\0", "{}")


def document(tables: Sequence[tuple[str, str, Table]]) -> str:
    """(label, caption, table) each, to be read with \\input."""
    head = "% \\usepackage[T1]{fontenc}\n% \\usepackage{booktabs, longtable}\n"
    return head + "\n".join(_float(*captioned) for captioned in tables)


def _float(label: str, caption: str, table: Table) -> str:
    """A table, which floats; a long one is a longtable, which breaks."""
    columns = "l" + ("r" if table.numeric else "l") * (len(table.header) - 1)
    plain = re.sub("[^a-z0-9]+", "-", label.lower()).strip("-")
    title = f"\\caption{{{escape(caption)}}}\\label{{tab:{plain}}}"
    align = columns[1:2] or "l"
    head = ["\\toprule", _row(table.header, align), "\\midrule"]
    body = [_row(row, align) for row in table.rows]
    if len(body) > LONG:
        lines = [f"\\begin{{longtable}}{{{columns}}}", f"{title} \\\\", *head, "\\endfirsthead",
                 *head, "\\endhead", "\\bottomrule", "\\endfoot", *body,
                 "\\end{longtable}"]  # fmt: skip
    else:
        lines = ["\\begin{table}", "\\centering", title, f"\\begin{{tabular}}{{{columns}}}",
                 *head, *body, "\\bottomrule", "\\end{tabular}", "\\end{table}"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[Cell], align: str) -> str:
    first, *others = cells
    return " & ".join([_cell(first, "l"), *(_cell(cell, align) for cell in others)]) + r" \\"


def _cell(cell: Cell, align: str) -> str:
    """Its details below its text, small."""
    text = escape(cell.text)
    if not cell.detail:
        return text
    details = [rf"{{\footnotesize {escape(line)}}}" for line in cell.detail.splitlines()]
    lines = r" \\ ".join([text, *details])
    return rf"\begin{{tabular}}[t]{{@{{}}{align}@{{}}}}{lines}\end{{tabular}}"
