"""Colours that colour-blind readers tell apart (Okabe and Ito, "Color Universal Design", 2008); lines differ in dash too."""

from __future__ import annotations

from collections.abc import Sequence

BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#777777"

# Yellow is left out: as a line on white it is hardly seen.
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE, BLACK)
DASHES = ("-", "--", "-.", ":")

# A row keeps its colour from figure to figure.
ROW_COLOURS = {"ours": BLUE, "untouched": GREY, "codec": GREEN, "copy_up": ORANGE, "rolloff_reference": SKY_BLUE}
OTHER_SYSTEMS = (VERMILION, PURPLE, BLACK)


def row_styles(rows: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A (colour, dash) for each row of an evaluation, no two alike for up to eight other systems."""
    others = [row for row in rows if row not in ROW_COLOURS]
    styles = {row: (colour, "-" if row == "ours" else "--") for row, colour in ROW_COLOURS.items() if row in rows}
    for index, row in enumerate(others):
        styles[row] = (OTHER_SYSTEMS[index % len(OTHER_SYSTEMS)], DASHES[(index // len(OTHER_SYSTEMS)) % len(DASHES)])
    return styles
