"""The report's charts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Picture

from saga_kedro.evaluation.names import cutoff_name
from saga_kedro.reporting.figures import BLACK, DASHES, GREY, LINES, chart, new_picture, row_styles
from saga_kedro.reporting.tables import category_place, row_order, row_title

MARKERS = "osD^"
FEW = 30  # a curve with fewer points has them marked: a single one would not be seen otherwise

YARDSTICK_TITLES = {
    "yardstick/nothing": "predicts nothing",
    "yardstick/variance": "knows the variance",
    "yardstick/z_l": "knows z_l, linearly",
}


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Running mean over the last ``window`` values (fewer at the start): as many as there were."""
    total = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return (total[ends] - total[starts]) / (ends - starts)


def headline_chart(summary: pd.DataFrame, metric: str) -> Picture | None:
    """A metric of every row as points with their intervals, a panel per cutoff; None if it was not measured."""
    chosen = summary[(summary["metric"] == metric) & np.isfinite(summary["mean"].astype(float))]
    if chosen.empty:
        return None
    rows, cutoffs = row_order(chosen["row"].tolist()), sorted(chosen["cutoff_khz"].unique())
    categories = sorted(chosen["category"].unique(), key=category_place)
    picture = new_picture((8.6, 0.9 + 0.3 * len(rows)))
    for axes, cutoff in zip(picture.subplots(1, len(cutoffs), sharey=True, squeeze=False)[0], cutoffs, strict=True):
        for index, category in enumerate(categories):
            lines = chosen[(chosen["category"] == category) & (chosen["cutoff_khz"] == cutoff)].set_index("row")
            height = np.array([rows.index(row) for row in lines.index]) + 0.2 * (index - (len(categories) - 1) / 2)
            half = ((lines["high"] - lines["low"]) / 2).astype(float).fillna(0.0)
            options: dict[str, Any] = {"fmt": MARKERS[index % len(MARKERS)], "color": LINES[index % len(LINES)]}
            axes.errorbar(lines["mean"], height, xerr=half, label=category, markersize=4.5, elinewidth=1, **options)
        axes.set_yticks(range(len(rows)), [row_title(row) for row in rows], fontsize=8)
        axes.set_title(f"{metric}, {cutoff_name(cutoff)}", loc="left", fontsize=9)
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        axes.grid(True, color=GREY, alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()  # shared by all panels
    axes.legend(fontsize=8, frameon=False)
    return picture


def loss_chart(history: pd.DataFrame) -> Picture | None:
    """Training loss with the yardsticks of the run's latents, of a table of step, metric, value; None if no loss was logged."""
    known = _curves(history, "")
    curves = {"train/loss": known.get("train/loss", history[:0])}
    levels = {title: known[name]["value"].iloc[-1] for name, title in YARDSTICK_TITLES.items() if name in known}
    return curves_chart(curves, "flow loss", "Training loss and what it would be for a model that ...", levels)


def validation_chart(history: pd.DataFrame) -> Picture | None:
    """Validation loss at each fixed t, which compares between runs; None if none was logged."""
    curves = {f"t = {name}": curve for name, curve in _curves(history, "val/loss/t").items()}
    return curves_chart(curves, "flow loss", "Validation loss at fixed t (0 is data, 1 is noise)")


def gradient_chart(history: pd.DataFrame) -> Picture | None:
    """Gradient norms before clipping, in total and of the modules with the largest; None if none was logged."""
    norms = _curves(history, "train/grad_norm")
    total = {"all parameters": norms.pop("")} if "" in norms else {}
    largest = sorted(norms, key=lambda name: -norms[name]["value"].mean())[: len(LINES) - 1]
    shown = total | {name.removeprefix("/"): norms[name] for name in largest}
    return curves_chart(shown, "gradient norm", "Gradient norm, before clipping", logarithmic=True)


def _curves(history: pd.DataFrame, prefix: str) -> dict[str, pd.DataFrame]:
    """The rest of the name of each metric that begins so -> its points."""
    chosen = history[history["metric"].str.startswith(prefix)].sort_values("step")
    return {str(name).removeprefix(prefix): points for name, points in chosen.groupby("metric")}


def frequency_chart(curves: pd.DataFrame, category: str, cutoff_khz: float) -> Picture:
    """LSD against frequency of every row (`evaluation.score.frequency_curves`) for one category and cutoff."""
    chosen = curves[(curves["category"] == category) & (curves["cutoff_khz"] == cutoff_khz)]
    picture, axes = chart("kHz", "log10 of power", f"Distance against frequency: {category}, {cutoff_name(cutoff_khz)}")
    rows = row_order(chosen["row"].tolist())
    for row, (colour, dash) in row_styles(rows).items():
        lines = chosen[chosen["row"] == row].sort_values("frequency_hz")
        style: dict[str, Any] = {"color": colour, "linestyle": dash, "linewidth": 2.0 if row == "ours" else 1.1}
        axes.plot(lines["frequency_hz"] / 1000, lines["lsd"], **style, label=row_title(row))
    axes.axvline(cutoff_khz, color=GREY, linewidth=0.9, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, 22.05)
    axes.legend(fontsize=7, frameon=False)
    return picture


def dial_chart(dial: pd.DataFrame) -> Picture:
    """Measured against requested roll-off (`evaluation.rolloff_dial`), mean and deviation over clips."""
    picture, axes = chart("requested roll-off", "measured roll-off", "The roll-off dial")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle=":", label="as asked")
    for index, category in enumerate(sorted(dial["category"].unique(), key=category_place)):
        grouped = dial[dial["category"] == category].groupby("requested")["measured"]
        mean, spread = grouped.mean(), grouped.std().fillna(0.0)
        line: dict[str, Any] = {"color": LINES[index % len(LINES)], "linestyle": DASHES[index % len(DASHES)]}
        marker: dict[str, Any] = {"marker": MARKERS[index % len(MARKERS)], "markersize": 4, "capsize": 2}
        axes.errorbar(mean.index, mean, yerr=spread, **line, **marker, label=category)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8, frameon=False)
    return picture


def curves_chart(
    curves: Mapping[str, pd.DataFrame],
    label: str,
    title: str,
    levels: Mapping[str, float] | None = None,
    logarithmic: bool = False,
) -> Picture | None:
    """Curves and their running means, with dashed ``levels`` across; None if there is nothing to draw.

    Each curve is a table with ``step`` and ``value``; ``label`` is for the vertical axis.
    """
    drawn = {name: curve[np.isfinite(curve["value"])] for name, curve in curves.items()}
    if not any(len(curve) for curve in drawn.values()):
        return None
    picture, axes = chart("step", label, title)
    for index, (name, curve) in enumerate(drawn.items()):
        colour, dash = LINES[index % len(LINES)], DASHES[(index // len(LINES)) % len(DASHES)]
        values = curve["value"].to_numpy(float)
        marker = "." if len(values) < FEW else ""
        axes.plot(curve["step"], values, color=colour, alpha=0.2, linewidth=0.6, marker=marker)
        axes.plot(curve["step"], smoothed(values, max(1, len(values) // 20)), color=colour, linestyle=dash, label=name)
    for index, (name, level) in enumerate((levels or {}).items(), start=1):
        if np.isfinite(level):
            dash = DASHES[index % len(DASHES)]
            axes.axhline(level, color=BLACK, linestyle=dash, linewidth=1, label=f"{name}: {level:.3g}")
    if logarithmic and any((curve["value"] > 0).any() for curve in drawn.values()):
        axes.set_yscale("log")
    axes.legend(fontsize=8, framealpha=0.85, edgecolor="none")
    return picture
