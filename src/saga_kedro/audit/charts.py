"""The audit page's charts: the ladder, and a rung of it."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audit.ladder import BREAK
from saga_kedro.reporting.charts import smoothed
from saga_kedro.reporting.figures import BLACK, BLUE, GREY, VERMILION, new_picture
from saga_kedro.reporting.spectrograms import spectrogram_db

PANELS = (
    ("loss:  ● plateau   | floor", "loss_plateau", "loss_floor", "linear", (1.2,)),
    ("LSD:  ● reported   ○ log10", "reported_LSD", "LSD", "log", (30,)),
    ("SDR, dB:  ● reported   ○ per item", "reported_SDR", "SI_SDR", "linear", (-70,)),
    ("gradient norm:  ● logged   ○ true", "grad_norm_logged", "grad_norm", "log", (1_000, 4_000)),
)
"""Title, number as the failing code reports it, right number, scale of the axis, the user's numbers."""


def ladder_chart(ladder: pd.DataFrame, columns: int = 4) -> Picture:
    """Every rung of a ladder a line in four panels, in 4 columns or 2 (for a phone); dotted: the user's numbers."""
    back = ladder["direction"] == BREAK
    places = np.arange(len(ladder)) + np.where(back, 1, 0)  # a gap before the reverse checks
    names = [
        f"break {issue}" if broken else f"{rung}  {issue or ('as found' if rung == 0 else 'aligned')}"
        for rung, issue, broken in zip(ladder["rung"], ladder["issue"], back, strict=True)
    ]
    height = 0.7 + 0.185 * (len(ladder) + 1)
    picture = new_picture((11.5, height) if columns == 4 else (4.3, 2 * height))
    panels = picture.subplots(4 // columns, columns, sharey=True)
    for axes, (title, reported, right, scale, users) in zip(panels.flat, PANELS, strict=True):
        logged, true = ladder[reported].to_numpy(float), ladder[right].to_numpy(float)
        for value in users:
            axes.axvline(value, color=VERMILION, linestyle=":", linewidth=1)
        axes.hlines(places, logged, true, color=GREY, alpha=0.6, linewidth=0.8)
        axes.plot(logged, places, "o", color=VERMILION, markersize=4)
        axes.plot(true, places, "|" if right == "loss_floor" else "o", color=BLUE, markersize=8 if right == "loss_floor" else 4,
                  markerfacecolor="white", markeredgewidth=1.5 if right == "loss_floor" else 1)  # fmt: skip
        axes.set_xscale(scale)
        if scale == "log":
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)) if right == "LSD" else LogLocator(100))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(title if columns == 4 else title.replace(":  ", "\n"), loc="left", fontsize=8 if columns == 4 else 7)
        axes.tick_params(labelsize=7 if columns == 4 else 6)
        axes.grid(True, color=GREY, alpha=0.2, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    panels.flat[0].set_yticks(places, names)
    panels.flat[0].invert_yaxis()
    return picture


def rung_chart(curve: pd.DataFrame | None, floor: float, audio: np.ndarray | None, top: float, cutoff_hz: float) -> Picture:
    """A training's loss with its floor, over the spectrogram of its output, 90 dB down from ``top``; None is left out."""
    shown = [name for name, given in (("loss", curve), ("sound", audio)) if given is not None]
    picture = new_picture((3.2, 0.25 + 1.05 * max(1, len(shown))))
    panels = dict(zip(shown, np.atleast_1d(picture.subplots(max(1, len(shown)), 1)), strict=False))
    if curve is not None:
        loss = curve["loss"].to_numpy(float)
        axes = panels["loss"]
        axes.plot(curve["step"], loss, color=BLUE, alpha=0.25, linewidth=0.5)
        axes.plot(curve["step"], smoothed(loss, max(1, len(loss) // 20)), color=BLUE)
        if np.isfinite(floor):
            axes.axhline(floor, color=BLACK, linestyle="--", linewidth=0.9)
        axes.set_ylim(0, max(2.0, floor * 1.2 if np.isfinite(floor) else 0))
        axes.set_ylabel("loss", fontsize=7)
    if audio is not None:
        axes = panels["sound"]
        extent = (0, audio.shape[1] / SAMPLE_RATE, 0, SAMPLE_RATE / 2000)
        axes.imshow(spectrogram_db(audio), origin="lower", aspect="auto", cmap="magma", vmin=top - 90, vmax=top, extent=extent)
        axes.axhline(cutoff_hz / 1000, color="white", linestyle="--", linewidth=0.8)
        axes.set_ylabel("kHz", fontsize=7)
    for axes in panels.values():
        axes.tick_params(labelsize=7)
    return picture
