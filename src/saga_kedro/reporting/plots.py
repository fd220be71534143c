"""LSD against frequency and the loss as plotly figures, for Kedro-Viz."""

import pandas as pd
from plotly.graph_objects import Figure

from saga_kedro.reporting.charts import YARDSTICK_TITLES
from saga_kedro.reporting.figures import BLACK, LINES, row_styles
from saga_kedro.reporting.tables import column_title, columns_of, row_order, row_title

# plotly's names of matplotlib's dashes
DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}


def plot(lsd_by_frequency: pd.DataFrame, training_history: pd.DataFrame) -> tuple[Figure, Figure]:
    """LSD against frequency, averaged over the measured categories and cutoffs; and the losses with their yardsticks."""
    where = ", ".join(column_title(*column) for column in columns_of(lsd_by_frequency))
    frequency = _figure(f"LSD against frequency ({where or 'not measured'})", "kHz", "log10 of power")
    for row, (colour, dash) in row_styles(row_order(lsd_by_frequency["row"].tolist())).items():
        line = lsd_by_frequency[lsd_by_frequency["row"] == row].groupby("frequency_hz")["lsd"].mean()
        style = {"color": colour, "dash": DASHES[dash]}
        frequency.add_scatter(x=line.index / 1000, y=line, name=row_title(row), mode="lines", line=style)

    loss = _figure("Loss, and what it would be for a model that ...", "step", "flow loss")
    curves = {str(metric): lines.sort_values("step") for metric, lines in training_history.groupby("metric")}
    shown = [metric for metric in curves if metric == "train/loss" or metric.startswith("val/loss/t")]
    for index, metric in enumerate(shown):
        style = {"color": LINES[index % len(LINES)]}
        loss.add_scatter(x=curves[metric]["step"], y=curves[metric]["value"], name=metric, mode="lines+markers", line=style)
    for metric, title in YARDSTICK_TITLES.items():
        if metric in curves:
            level = curves[metric]["value"].iloc[-1]
            loss.add_hline(y=level, line={"color": BLACK, "dash": "dot", "width": 1}, annotation_text=title)
    return frequency, loss


def _figure(title: str, x: str, y: str) -> Figure:
    return Figure(layout={"title": title, "xaxis": {"title": x}, "yaxis": {"title": y}, "template": "simple_white"})
