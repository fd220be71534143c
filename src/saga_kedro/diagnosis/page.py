"""A diagnosis as one HTML page: the answer first, a person's own curves against the yardsticks, then their outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.diagnosis.words import NOTHING_FITS, SURE, TITLE, cause_text, subtitle
from saga_kedro.reporting.blocks import Block, Callout, Details, Figure, Report, Section, Table, Text
from saga_kedro.reporting.tables import number

MEANINGS = {
    "LSD": "log10 of power, the paper's unit",
    "LSD in dB": "the failing code's formula",
    "SI-SDR": "dB, mean over items",
    "SI-SDR, delay removed": "dB, begun together",
    "SI-SDR, flattened batch": "dB, batches of four, as the failing code shifts them",
    "SNR": "dB, mean over items",
}
DRAWN = {"loss": ("flow loss", "Your training loss"), "norm": ("gradient norm", "Your gradient norm, as logged")}


def write_page(found: dict[str, Any], folder: Path) -> Path:
    """Write ``diagnosis.html`` into a folder.

    Args:
        found: of `saga_kedro.diagnosis.command.diagnose`.
        folder: is made where it is missing.

    Raises:
        ValueError: nothing can be written there.
    """
    from saga_kedro.reporting.html import write_html

    try:
        return write_html(build_page(found), folder / "diagnosis.html")
    except OSError as error:
        raise ValueError(f"{folder}: the report cannot be written there ({error.strerror}): name another folder.") from error


def build_page(found: dict[str, Any]) -> Report:
    """The sections of the page; those that nothing was given for are left out."""
    lines = [[line["what"], f"{line['value']:.3g}", line["meaning"]] for line in found["yardsticks"]]
    yardsticks = Table(pd.DataFrame(lines, columns=["what", "value", "meaning"]))
    parts = {
        "What fits": _causes(found["causes"]),
        "Your curves against the yardsticks": [*_figures(found), *([yardsticks] if lines else [])],
        "Your outputs": outputs(found) if found["outputs"] else [],
    }
    sections = [Section(title, blocks) for title, blocks in parts.items() if blocks]
    return Report(TITLE, subtitle(found["causes"]), sections)


def _causes(causes: list[dict[str, Any]]) -> list[Block]:
    if not causes:
        return [Callout(NOTHING_FITS)]
    blocks: list[Block] = []
    for place, cause in enumerate(causes, start=1):
        text = cause_text(place, cause)
        blocks.append(Callout(text, "bad") if cause["likelihood"] >= SURE else Text(text))
    return blocks


def _figures(found: dict[str, Any]) -> list[Block]:
    from saga_kedro.reporting.charts import curves_chart
    from saga_kedro.reporting.figures import png

    blocks: list[Block] = []
    for curve, (label, title) in DRAWN.items():
        if curve in found["curves"]:
            levels = {line["what"]: line["value"] for line in found["yardsticks"] if line["curve"] == curve}
            picture = curves_chart({"yours": found["curves"][curve]}, "value", label, title, levels, curve == "norm")
            if picture is not None:
                caption = "Running mean over a twentieth of the points; dashed: the yardsticks below."
                names = "; ".join(f"{name} {value:.3g}" for name, value in levels.items())
                blocks.append(Figure(png(picture), curve, caption, f"{title} over steps, against: {names}."))
    return blocks


def outputs(found: dict[str, Any]) -> list[Block]:
    """What was measured of outputs: means, then each, then those without a partner."""
    files, alone, left_out = (found["outputs"][name] for name in ("files", "without_partner", "left_out"))
    left = [f"{path}: has no partner of the same name." for path in alone] + left_out
    measured = []
    for row in files.to_dict("records"):
        marks = ", ".join(f"{name} {number(row[name])}" for name in MEANINGS)
        place = f"level {number(row['level_db'], 1)} dB, delay {number(row['delay'], 0)} samples"
        bands = f"kept up to {number(row['kept_hz'], 0)} Hz, carries up to {number(row['cutoff_hz'], 0)} Hz"
        measured.append((row["name"], f"{marks}; {place}; {bands} (reference {number(row['reference_hz'], 0)} Hz)"))
    means = [(name, number(files[name].mean()), meaning) for name, meaning in MEANINGS.items()]
    scores = Table(pd.DataFrame(means, columns=["what", "value", "meaning"]), f"Means over {len(files)} outputs.")
    each = Table(pd.DataFrame(measured, columns=["output", "measured"]))
    blocks: list[Block] = [scores, Details("Every output", [each])]
    return [*blocks, Callout("\n".join(f"- {sentence}" for sentence in left))] if left else blocks
