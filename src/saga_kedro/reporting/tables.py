"""Tables for the console, for markdown and for HTML."""

import math
import re
import sys
from collections.abc import Callable, Sequence

import pandas as pd

from saga_kedro.corpora.manifest import CATEGORIES
from saga_kedro.evaluation.names import OURS, cutoff_name

MISSING = "–"
NUMBER = re.compile(r"[-+−–✔✘~<>→/ ]*(\d|∞|$)")
LEADING_ROWS = (OURS, "rolloff_reference", "untouched", "codec", "copy_up")
ROW_TITLES = {
    "ours": "ours",
    "rolloff_reference": "ours, reference's roll-off (oracle)",
    "untouched": "input, untouched",
    "codec": "codec (true latents)",
    "copy_up": "spectral copy",
}


def number(value: float, digits: int = 2) -> str:
    """A number as text; a missing one is a dash, never a zero."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}f}"


def mean_with_interval(line: pd.Series, digits: int = 2) -> str:
    """``1.28 ± 0.11``, with half the width of the 95 % interval if there is one."""
    half = (line["high"] - line["low"]) / 2
    mean = number(line["mean"], digits)
    return mean if mean == MISSING or math.isnan(half) else f"{mean} ± {number(half, digits)}"


def row_title(row: str) -> str:
    return ROW_TITLES.get(row, row)


def row_order(rows: Sequence[str]) -> list[str]:
    """Ours first, then untouched, codec and copy-up, then other systems in the order they come."""
    seen = list(dict.fromkeys(rows))
    return [row for row in LEADING_ROWS if row in seen] + [row for row in seen if row not in LEADING_ROWS]


def columns_of(summary: pd.DataFrame) -> list[tuple[str, float]]:
    """The (category, cutoff in kHz) pairs of a table, by cutoff, then speech before music before effects."""
    pairs = set(zip(summary["category"].astype(str), summary["cutoff_khz"].astype(float), strict=True))
    return sorted(pairs, key=lambda pair: (pair[1], category_place(pair[0])))


def category_place(category: str) -> tuple[int, str]:
    """Sorts categories: speech before music before effects, then others by name."""
    return CATEGORIES.index(category) if category in CATEGORIES else len(CATEGORIES), category


def column_title(category: str, cutoff_khz: float) -> str:
    """``speech 4kHz``."""
    return f"{category} {cutoff_name(cutoff_khz)}"


def wide_table(summary: pd.DataFrame, metric: str, cell: Callable[[pd.Series], str] = mean_with_interval) -> pd.DataFrame:
    """One metric of a summary as a table of text: a line per row, a column per category and cutoff, dashes for missing ones."""
    chosen = summary[summary["metric"] == metric]
    cells = {(line["row"], line["category"], line["cutoff_khz"]): cell(line) for _, line in chosen.iterrows()}
    columns, rows = columns_of(chosen), row_order(chosen["row"].tolist())
    lines = [(row_title(row), *(cells.get((row, *column), MISSING) for column in columns)) for row in rows]
    return pd.DataFrame(lines, columns=["row", *(column_title(*column) for column in columns)])


def numeric_columns(table: pd.DataFrame) -> list[bool]:
    """Which columns, apart from the first, hold numbers (with sign, unit or interval) or dashes."""
    columns = [table.iloc[:, index].astype(str) for index in range(len(table.columns))]
    return [index > 0 and all(NUMBER.match(cell) for cell in column) for index, column in enumerate(columns)]


def markdown_table(table: pd.DataFrame) -> str:
    """A table of text in GitHub's markdown, with numbers to the right."""

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rule = "| " + " | ".join("---:" if right else "---" for right in numeric_columns(table)) + " |"
    return "\n".join([line(list(table.columns)), rule, *(line(list(row)) for row in table.itertuples(index=False))])


def print_table(table: pd.DataFrame, title: str) -> None:
    """Print a table of text, as wide as the terminal, or 120 columns into a file."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, title_justify="left")
    for index, (column, right) in enumerate(zip(table.columns, numeric_columns(table), strict=True)):
        shown.add_column(str(column), justify="right" if right else "left", no_wrap=index > 0)
    for line in table.itertuples(index=False):
        shown.add_row(*(Text(str(cell)) for cell in line))
    Console(width=None if sys.stdout.isatty() else 120).print(shown)
