"""How figures are drawn and saved: style, formats, and one colour for each backend."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

import backends
from backends.interface import PHASES
from harness.records.experiment import ExperimentFolder
from harness.statistics.smoothing import smooth

# Okabe and Ito's palette, safe for colour-blind readers, of which backends have chosen theirs; then
# four of Tol's, for many versions on one page.
PALETTE = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#332288", "#999933", "#882255", "#777777"),
)
# Tol's muted scheme, also safe for them, and different from the colours of backends.
PHASE_COLOURS = dict(
    zip(PHASES, ("#BBBBBB", "#88CCEE", "#332288", "#DDCC77", "#117733"), strict=True)
)
STYLE: dict[str, Any] = {
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.edgecolor": "#999999",
    "axes.labelcolor": "#444444",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    # In SVG, text is outlines: it looks the same where the font is not installed. In PDF the font
    # itself is embedded (TrueType, as publishers ask), so text can be searched and copied.
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    # Without it names of clips and markers in SVG are random.
    "svg.hashsalt": "cyclebench",
}
# Without dates, names and versions in them the same records give the same bytes.
METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
DPI = 150  # of PNG, and of what is pixels in SVG and PDF
MANY = 1000  # points of a scatter; more of them are pixels in SVG and PDF
GUIDE = "#777777"  # of lines to read a curve against
LETTERS_PER_INCH, HANDLE = 12.5, 8  # of a legend, about; HANDLE: a line beside a label, in letters
Draw = Callable[[np.ndarray], None]
Item = TypeVar("Item")
POINTS = 1500  # a raw curve is thinned to this many points


@dataclass(frozen=True)
class Drawn:
    """A figure in every format it is saved in; empty: in this one it is not."""

    png: bytes
    svg: bytes = b""
    pdf: bytes = b""


def files(drawn: Mapping[str, Drawn]) -> dict[str, bytes]:
    """File name of the PNG -> figure, as file name -> content: the PNG, and beside it the others.

    Pages show the PNG; SVG and PDF are for papers.
    """
    return {
        str(PurePath(name).with_suffix(f".{kind}")): content
        for name, figure in drawn.items()
        for kind, content in asdict(figure).items()
    }


def colour(experiment: ExperimentFolder, backend: str) -> str:
    return backend_colour(backend, experiment.backends)


def backend_colour(backend: str, among: Sequence[str] = ()) -> str:
    """The same in every report: the one that the backend has chosen.

    `among`: those on the same page. Of a backend that has chosen none, or one that another of them
    has, as two versions of one framework do, the first colour of the palette that nobody has.
    """
    names = list(dict.fromkeys([*among, backend]))
    chosen: dict[str, str] = {}
    for name in names:
        own = backends.colour(name)
        if own is not None and own not in chosen.values():
            chosen[name] = own
    # At last those that backends have chosen who are not here.
    others = [backends.colour(name) for name in backends.available()]
    palette = sorted(PALETTE, key=lambda tone: tone in others)
    for name in names:
        free = (tone for tone in palette if tone not in chosen.values())
        chosen.setdefault(name, next(free, palette[len(chosen) % len(palette)]))
    return chosen[backend]


def figure(
    rows: int,
    columns: int,
    inches: tuple[float, float],
    draw: Draw,
    xlabel: str,
    counting: bool = True,
    formats: Sequence[str] = tuple(METADATA),
) -> Drawn:
    """Axes in the report's style, drawn by `draw(axes)`, one legend above them all.

    `counting`: x is whole numbers. `formats`: it is saved in; the others take most of the time.
    """
    style: dict[Any, Any] = {**sns.axes_style("whitegrid"), **STYLE}
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's matplotlibrc must not change the bytes
        mpl.rcParams.update(style)
        drawn = Figure(figsize=inches, layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(rows, columns, squeeze=False)
        draw(axes)
        for axis in axes.flat:
            sns.despine(ax=axis)
            if counting:
                axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        for axis in axes[-1]:
            axis.set_xlabel(xlabel)
        handles, labels = axes.flat[0].get_legend_handles_labels()
        if labels:
            columns = legend_columns(labels, inches[0])
            legend = drawn.legend(handles, labels, loc="outside upper left", ncols=columns)
            as_they_are(legend.get_texts())
        return _saved(drawn, formats)


def legend_columns(labels: Sequence[str], inches: float) -> int:
    """All labels in one line, or in as many lines as they take."""
    widths = np.array([len(label) + HANDLE for label in labels])
    for columns in range(len(labels), 1, -1):
        # Matplotlib deals entries out like this, and a column is as wide as its widest.
        widest = [part.max() for part in np.array_split(widths, columns)]
        if sum(widest) <= LETTERS_PER_INCH * inches:
            return columns
    return 1


def _saved(figure: Figure, formats: Sequence[str]) -> Drawn:
    """Laid out once, for the PNG: the others are the same picture, and cost less."""
    for axis in figure.axes:
        for points in axis.collections:
            if len(np.atleast_2d(points.get_offsets())) > MANY:
                points.set_rasterized(True)
    _lay_out(figure)
    contents = {}
    for kind in formats:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=METADATA[kind])
        contents[kind] = buffer.getvalue()
    return Drawn(**contents)


def _lay_out(figure: Figure) -> None:
    """Give everything its place for good.

    Matplotlib would look in every format where titles and labels go, even empty ones, through the
    extent of all ticks: it takes as long as to draw them.
    """
    figure.set_dpi(DPI)
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine(None)
    for axis in figure.axes:
        for line in (axis.xaxis, axis.yaxis):
            if not line.get_label_text():
                line.set_label_coords(0, 0)
        # Only a power of ten above the y axis moves a title.
        if not axis.yaxis.get_offset_text().get_text():
            title = axis.get_title("left")
            # Set again it would have the usual size.
            texts = (text for text in axis.get_children() if isinstance(text, Text))
            sizes = {text.get_text(): text.get_fontsize() for text in texts}
            axis.set_title(title, loc="left", y=1, fontsize=sizes[title])


def curve(axis: Axes, values: np.ndarray, tone: str, label: str) -> None:
    """`values` (runs, steps): one run smoothed over its raw self; several as mean and range."""
    steps = np.arange(values.shape[1])
    if not len(steps):
        return
    smoothed = smooth(values)
    thin = slice(None, None, max(1, len(steps) // POINTS))
    if len(values) == 1:
        axis.plot(steps[thin], values[0][thin], color=tone, linewidth=0.6, alpha=0.16)
        centre = smoothed[0]
    else:
        # A step at which every run diverged has no mean: nothing is drawn there.
        centre, low, high = across(smoothed)
        axis.fill_between(steps[thin], low[thin], high[thin], color=tone, alpha=0.18, linewidth=0)
    axis.plot(steps[thin], centre[thin], color=tone, linewidth=1.8, label=label)
    axis.set_ylim(bottom=0)
    # A lone spike must not flatten the curves: the axis ends at the raw 99th percentile.
    finite = values[np.isfinite(values)]
    if len(finite):
        top = 1.08 * max(float(np.quantile(finite, 0.99)), float(np.nanmax(smoothed)))
        before = axis.get_ylim()[1] if len(axis.lines) > 2 else 0.0
        axis.set_ylim(0, max(top, before if before < 3 * top else top) or 1.0)


def across(smoothed: np.ndarray) -> Sequence[np.ndarray]:
    """Mean, lowest and highest (steps,) of curves (runs, steps); NaN where a run is."""
    kept = np.where(np.isnan(smoothed).any(axis=0), np.nan, smoothed)
    return kept.mean(axis=0), kept.min(axis=0), kept.max(axis=0)


def panels(
    items: Sequence[Item],
    columns: int,
    height: tuple[float, float],
    draw: Callable[[Axes, Item], None],
    xlabel: str,
    counting: bool = False,
    formats: Sequence[str] = tuple(METADATA),
) -> Drawn:
    """A panel an item, in reading order; `draw(axis, item)` draws one.

    `columns`: at most. `height`: inches above all panels, and of a row of them.
    """
    columns = min(columns, len(items))
    rows = -(-len(items) // columns)

    def draw_all(axes: np.ndarray) -> None:
        for axis, item in zip(axes.flat, items, strict=False):
            draw(axis, item)
        for axis in axes.flat[len(items) :]:
            axis.set_visible(False)

    inches = (11, height[0] + height[1] * rows)
    return figure(rows, columns, inches, draw_all, xlabel, counting, formats)


def log_ticks(axis: Axis, label: Callable[[float], str]) -> None:
    """Ticks at 1, 2 and 5 of each decade, and no others."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))
    axis.set_minor_formatter(NullFormatter())


def as_they_are(texts: Iterable[Text]) -> None:
    """Names with a `$` in them are no formulas."""
    for text in texts:
        text.set_parse_math(False)
