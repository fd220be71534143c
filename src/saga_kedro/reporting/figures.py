"""How figures look: matplotlib without pyplot, in colours that colour-blind readers tell apart (Okabe and Ito, 2008)."""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Picture

BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#777777"

LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE, BLACK)
DASHES = ("-", "--", "-.", ":")

# A row keeps its colour from figure to figure.
ROW_COLOURS = {"ours": BLUE, "untouched": GREY, "codec": GREEN, "copy_up": ORANGE, "rolloff_reference": SKY_BLUE}
OTHER_SYSTEMS = (VERMILION, PURPLE, BLACK)

CHART_SIZE = (6.0, 3.6)  # inches: letters stay readable where a phone shrinks it


def row_styles(rows: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A (colour, dash) for each row of an evaluation, all different for up to eight other systems."""
    others = [row for row in rows if row not in ROW_COLOURS]
    styles = {row: (colour, "-" if row == "ours" else "--") for row, colour in ROW_COLOURS.items() if row in rows}
    for index, row in enumerate(others):
        styles[row] = (OTHER_SYSTEMS[index % len(OTHER_SYSTEMS)], DASHES[(index // len(OTHER_SYSTEMS)) % len(DASHES)])
    return styles


def new_picture(size: tuple[float, float]) -> Picture:
    """An empty figure of ``size`` inches."""
    picture = Picture(figsize=size, layout="constrained")
    FigureCanvasAgg(picture)
    return picture


def chart(x_label: str, y_label: str, title: str) -> tuple[Picture, Axes]:
    """A figure with one pair of axes, labelled, on a light grid."""
    picture = new_picture(CHART_SIZE)
    axes = picture.add_subplot()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(True, color=GREY, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return picture, axes


def png(picture: Picture, dots_per_inch: int = 150) -> bytes:
    """The bytes of a PNG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return buffer.getvalue()
