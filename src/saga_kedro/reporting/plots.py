"""The same curves as `charts`, for Kedro-Viz, which shows plotly figures."""

from __future__ import annotations

import pandas as pd
from plotly.graph_objects import Figure, Scatter

from saga_kedro.evaluation.names import cutoff_name
from saga_kedro.reporting.charts import YARDSTICK_TITLES
from saga_kedro.reporting.palette import BLACK, LINES, row_styles
from saga_kedro.reporting.tables import columns_of, row_order, row_title

# plotly's names of matplotlib's dashes
DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}


def frequency_plot(curves: pd.DataFrame) -> Figure:
    """LSD against frequency of every row, averaged over the categories and cutoffs that were measured.

    Args:
        curves: of `evaluation.score.frequency_curves`.
    """
    figure = Figure()
    where = ", ".join(f"{category} {cutoff_name(cutoff)}" for category, cutoff in columns_of(curves))
    for row, (colour, dash) in row_styles(row_order(curves["row"].tolist())).items():
        line = curves[curves["row"] == row].groupby("frequency_hz")["lsd"].mean()
        style = {"color": colour, "dash": DASHES[dash]}
        figure.add_trace(Scatter(x=line.index / 1000, y=line, name=row_title(row), mode="lines", line=style))
    return _styled(figure, f"LSD against frequency ({where or 'not measured'})", "kHz", "log10 of power")


def loss_plot(history: pd.DataFrame) -> Figure:
    """Training loss, validation losses at fixed t, and the yardsticks.

    Args:
        history: columns step, metric, value.
    """
    figure = Figure()
    metrics = [m for m in history["metric"].unique() if m == "train/loss" or str(m).startswith("val/loss/t")]
    for index, metric in enumerate(sorted(metrics)):
        line = history[history["metric"] == metric].sort_values("step")
        style = {"color": LINES[index % len(LINES)]}
        figure.add_trace(Scatter(x=line["step"], y=line["value"], name=metric, mode="lines+markers", line=style))
    for metric, title in YARDSTICK_TITLES.items():
        level = history[history["metric"] == metric]["value"]
        if len(level):
            figure.add_hline(y=level.iloc[-1], line={"color": BLACK, "dash": "dot", "width": 1}, annotation_text=title)
    return _styled(figure, "Loss, and what it would be for a model that ...", "step", "flow loss")


def _styled(figure: Figure, title: str, x: str, y: str) -> Figure:
    return figure.update_layout(title=title, xaxis_title=x, yaxis_title=y, template="simple_white")
