"""The report's charts: training curves, LSD against frequency, the roll-off dial; and curves with levels across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from saga_kedro.evaluation.names import cutoff_name
from saga_kedro.reporting.figures import chart, new_picture
from saga_kedro.reporting.palette import BLACK, DASHES, GREY, LINES, row_styles
from saga_kedro.reporting.tables import columns_of, row_order, row_title

MARKERS = "osD^"
FEW = 30  # points that are marked one by one

YARDSTICK_TITLES = {
    "yardstick/nothing": "predicts nothing",
    "yardstick/variance": "knows the variance",
    "yardstick/z_l": "knows z_l, linearly",
}


def smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Running mean over the last ``window`` values (fewer at the start), of the same length."""
    total = np.cumsum(np.insert(values, 0, 0.0))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return (total[ends] - total[starts]) / (ends - starts)


def _marker(points: np.ndarray) -> str:
    """A line of few points shows each of them; a single one would not be seen otherwise."""
    return "." if len(points) < FEW else ""


def _style(index: int) -> dict[str, str]:
    """Colour and dash of the line of this number."""
    return {"color": LINES[index % len(LINES)], "linestyle": DASHES[index % len(DASHES)]}


def _with_running_mean(axes: Axes, steps: np.ndarray, values: np.ndarray, alpha: float, label: str) -> None:
    axes.plot(steps, values, color=LINES[0], alpha=alpha, linewidth=0.7, marker=_marker(steps))
    axes.plot(steps, smoothed(values, max(1, len(values) // 40)), color=LINES[0], linewidth=1.8, label=label)


def _levels(axes: Axes, levels: Mapping[str, float], form: str) -> None:
    """Dashed lines across."""
    for index, (name, level) in enumerate(levels.items(), start=1):
        if np.isfinite(level):
            dash = DASHES[index % len(DASHES)]
            axes.axhline(level, color=BLACK, linestyle=dash, linewidth=1, label=f"{name}: {level:{form}}")


def _series(history: pd.DataFrame, metric: str) -> tuple[np.ndarray, np.ndarray]:
    lines = history[history["metric"] == metric].sort_values("step")
    return lines["step"].to_numpy(float), lines["value"].to_numpy(float)


def headline_chart(summary: pd.DataFrame, metric: str) -> Picture | None:
    """One metric of every row as points with their intervals, a panel per cutoff; None if it was not measured.

    Args:
        summary: of `evaluation.summary.summarise`, with the paper's systems among the rows.
        metric: e.g. ``LSD``.
    """
    chosen = summary[(summary["metric"] == metric) & np.isfinite(summary["mean"].astype(float))]
    if chosen.empty:
        return None
    rows, cutoffs = row_order(chosen["row"].tolist()), sorted(chosen["cutoff_khz"].unique())
    categories = list(dict.fromkeys(category for category, _ in columns_of(chosen)))
    picture = new_picture((8.6, 0.9 + 0.3 * len(rows)))
    for axes, cutoff in zip(picture.subplots(1, len(cutoffs), sharey=True, squeeze=False)[0], cutoffs, strict=True):
        for index, category in enumerate(categories):
            lines = chosen[(chosen["category"] == category) & (chosen["cutoff_khz"] == cutoff)].set_index("row")
            height = np.array([rows.index(row) for row in lines.index]) + 0.2 * (index - (len(categories) - 1) / 2)
            half = ((lines["high"] - lines["low"]) / 2).astype(float).fillna(0.0)
            colour, marker = LINES[index % len(LINES)], MARKERS[index % len(MARKERS)]
            options = {"fmt": marker, "color": colour, "markersize": 4.5, "elinewidth": 1}
            axes.errorbar(lines["mean"], height, xerr=half, label=category, **options)
        axes.set_yticks(range(len(rows)), [row_title(row) for row in rows], fontsize=8)
        axes.set_title(f"{metric}, {cutoff_name(cutoff)}", loc="left", fontsize=9)
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        axes.grid(True, color=GREY, alpha=0.25, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()  # shared by all panels
    axes.legend(fontsize=8, frameon=False)
    return picture


def loss_chart(history: pd.DataFrame) -> Picture | None:
    """Training loss with the yardsticks of the run's own latents, None if no loss was logged.

    Args:
        history: columns step, metric, value: ``train/loss`` and ``yardstick/...``.
    """
    steps, values = _series(history, "train/loss")
    if not len(steps):
        return None
    picture, axes = chart("step", "flow loss", "Training loss and what it would be for a model that ...")
    _with_running_mean(axes, steps, values, 0.25, "training loss (running mean)")
    found = [str(metric) for metric in history["metric"].unique() if str(metric).startswith("yardstick/")]
    known = list(YARDSTICK_TITLES)
    found.sort(key=lambda name: known.index(name) if name in known else len(known))
    levels = {YARDSTICK_TITLES.get(name, name.removeprefix("yardstick/")): _series(history, name)[1][-1] for name in found}
    _levels(axes, levels, ".2f")
    axes.legend(fontsize=8, frameon=False)
    return picture


def validation_chart(history: pd.DataFrame) -> Picture | None:
    """Validation loss at each fixed t, None if none was logged. These compare between runs; the training loss does not."""
    metrics = sorted(str(metric) for metric in history["metric"].unique() if str(metric).startswith("val/loss/"))
    if not metrics:
        return None
    picture, axes = chart("step", "flow loss", "Validation loss at fixed t (0 is data, 1 is noise)")
    for index, metric in enumerate(metrics):
        label = metric.removeprefix("val/loss/").replace("t", "t = ", 1)
        axes.plot(*_series(history, metric), **_style(index), marker=".", label=label)
    axes.legend(fontsize=8, frameon=False, ncols=2)
    return picture


def gradient_chart(history: pd.DataFrame) -> Picture | None:
    """Gradient norm before clipping, on a logarithmic scale; None if none was logged."""
    steps, values = _series(history, "train/grad_norm")
    if not len(steps):
        return None
    picture, axes = chart("step", "gradient norm", "Gradient norm, before clipping")
    _with_running_mean(axes, steps, values, 0.3, "all parameters")
    by_module = history[history["metric"].str.startswith("train/grad_norm/")].groupby("metric")["value"].mean()
    modules = by_module.sort_values(ascending=False).index  # the largest are drawn
    for index, metric in enumerate(modules[: len(LINES) - 1], start=1):
        where, norms = _series(history, metric)
        mean, label = smoothed(norms, max(1, len(norms) // 40)), metric.removeprefix("train/grad_norm/")
        axes.plot(where, mean, **_style(index), linewidth=1, marker=_marker(where), label=label)
    if (values > 0).any():
        axes.set_yscale("log")
    axes.legend(fontsize=7, frameon=False, ncols=2)
    return picture


def frequency_chart(curves: pd.DataFrame, category: str, cutoff_khz: float) -> Picture | None:
    """LSD against frequency of every row, for one category and cutoff; None if there is none.

    Args:
        curves: of `evaluation.score.frequency_curves`.
    """
    chosen = curves[(curves["category"] == category) & (curves["cutoff_khz"] == cutoff_khz)]
    if chosen.empty:
        return None
    picture, axes = chart("kHz", "log10 of power", f"Distance against frequency: {category}, {cutoff_name(cutoff_khz)}")
    rows = row_order(chosen["row"].tolist())
    for row, (colour, dash) in row_styles(rows).items():
        lines = chosen[chosen["row"] == row].sort_values("frequency_hz")
        style = {"color": colour, "linestyle": dash, "linewidth": 2.0 if row == "ours" else 1.1}
        axes.plot(lines["frequency_hz"] / 1000, lines["lsd"], **style, label=row_title(row))
    axes.axvline(cutoff_khz, color=GREY, linewidth=0.9, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, 22.05)
    axes.legend(fontsize=7, frameon=False)
    return picture


def dial_chart(dial: pd.DataFrame, categories: Sequence[str]) -> Picture | None:
    """Measured against requested roll-off, mean and spread over clips; None if nothing was measured.

    Args:
        dial: of `evaluation.rolloff_dial.rolloff_dial`.
        categories: in the order of the legend.
    """
    if dial.empty:
        return None
    picture, axes = chart("requested roll-off", "measured roll-off", "The roll-off dial")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle=":", label="as asked")
    for index, category in enumerate(category for category in categories if category in set(dial["category"])):
        grouped = dial[dial["category"] == category].groupby("requested")["measured"]
        mean, spread = grouped.mean(), grouped.std().fillna(0.0)
        options = {"marker": MARKERS[index % len(MARKERS)], "markersize": 4, "capsize": 2}
        axes.errorbar(mean.index, mean, yerr=spread, **_style(index), **options, label=category)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8, frameon=False)
    return picture


def curves_chart(
    curves: Mapping[str, pd.DataFrame], column: str, label: str, title: str, levels: Mapping[str, float] | None = None,
    logarithmic: bool = False,
) -> Picture | None:  # fmt: skip
    """One line a training, running means; dashed levels across; None if there is nothing to draw.

    Args:
        curves: name -> table with ``step`` and ``column``.
        column: what is drawn.
        label: of the vertical axis.
        title: of the chart.
        levels: name -> height of a dashed line.
        logarithmic: the vertical axis.
    """
    drawn = {name: curve.dropna(subset=[column]) for name, curve in curves.items() if column in curve}
    drawn = {name: curve[np.isfinite(curve[column])] for name, curve in drawn.items()}
    if not any(len(curve) for curve in drawn.values()):
        return None
    picture, axes = chart("step", label, title)
    for index, (name, curve) in enumerate(drawn.items()):
        colour, dash = LINES[index % len(LINES)], DASHES[(index // len(LINES)) % len(DASHES)]
        values = curve[column].to_numpy(float)
        axes.plot(curve["step"], values, color=colour, alpha=0.2, linewidth=0.6)
        axes.plot(curve["step"], smoothed(values, max(1, len(values) // 20)), color=colour, linestyle=dash, label=name)
    _levels(axes, levels or {}, ".3g")
    if logarithmic:
        axes.set_yscale("log")
    axes.legend(fontsize=8, framealpha=0.85, edgecolor="none")
    return picture
