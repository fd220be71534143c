"""The audit report's charts: curves of both arms, differences with their intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Picture

from saga_kedro.reporting.charts import smoothed
from saga_kedro.reporting.figures import chart
from saga_kedro.reporting.palette import BLACK, DASHES, GREY, LINES


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
    for index, (name, level) in enumerate((levels or {}).items()):
        if np.isfinite(level):
            axes.axhline(
                level, color=BLACK, linestyle=DASHES[(index + 1) % len(DASHES)], linewidth=1, label=f"{name}: {level:.3g}"
            )
    if logarithmic:
        axes.set_yscale("log")
    axes.legend(fontsize=8, framealpha=0.85, edgecolor="none")
    return picture


def difference_chart(verdicts: pd.DataFrame, unit: str, smallest_effect: float) -> Picture | None:
    """Difference of each arm from its baseline with its interval, and the range in which an effect would not matter.

    Args:
        verdicts: lines of one issue (`saga_kedro.audit.verdicts.COLUMNS`).
        unit: of the metric, for the axis.
        smallest_effect: half the width of that range.
    """
    lines = verdicts[np.isfinite(verdicts["mean"].astype(float))]
    if lines.empty:
        return None
    picture, axes = chart(
        f"difference of {unit}", "", "Difference from the baseline, interval after correction", (6.0, 1.2 + 0.34 * len(lines))
    )
    axes.axvspan(-smallest_effect, smallest_effect, color=GREY, alpha=0.15, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=0.9)
    names = []
    for row, (_, line) in enumerate(lines.iterrows()):
        colour = LINES[0] if line["design"] == "add_one" else LINES[1]
        width = [[line["mean"] - line["low"]], [line["high"] - line["mean"]]] if np.isfinite(line["low"]) else None
        axes.errorbar(
            line["mean"], row, xerr=width, color=colour, marker="o" if line["design"] == "add_one" else "s", capsize=3
        )
        names.append(f"{line['arm']} ({'add' if line['design'] == 'add_one' else 'fix'} one)")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    return picture
