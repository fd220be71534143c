"""Matplotlib without pyplot: a figure is made, turned into bytes and forgotten; nothing global is touched."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Picture

from saga_kedro.reporting.palette import GREY

CHART_SIZE = (6.0, 3.6)  # inches: letters stay readable where a phone shrinks it


def new_picture(size: tuple[float, float] = CHART_SIZE) -> Picture:
    """An empty figure of ``size`` inches, with the Agg canvas."""
    picture = Picture(figsize=size, layout="constrained")
    FigureCanvasAgg(picture)
    return picture


def chart(x_label: str, y_label: str, title: str = "", size: tuple[float, float] = CHART_SIZE) -> tuple[Picture, Axes]:
    """A figure with one pair of axes, labelled, a light grid behind the lines."""
    picture = new_picture(size)
    axes = picture.add_subplot()
    axes.set(xlabel=x_label, ylabel=y_label)
    if title:
        axes.set_title(title, loc="left", fontsize=10)
    axes.grid(True, color=GREY, alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return picture, axes


def png(picture: Picture, dots_per_inch: int = 150) -> bytes:
    """The figure as the bytes of a PNG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return buffer.getvalue()
