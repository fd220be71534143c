"""What a report is made of. Blocks know nothing of HTML, which `html` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the light installation has no pandas
    import pandas as pd


@dataclass(frozen=True)
class Text:
    """Markdown, in which HTML is shown as text."""

    markdown: str


@dataclass(frozen=True)
class Table:
    """A table of text. The first column names the lines."""

    frame: pd.DataFrame
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture, the bytes of a PNG or SVG file, and perhaps another for ``small`` screens."""

    image: bytes
    caption: str = ""
    alternative: str = ""  # describes the picture in words
    narrow: bool = False  # shares a line with another on wide screens
    small: bytes = b""


@dataclass(frozen=True)
class Player:
    """One sound, the bytes of a FLAC, OGG or WAV file."""

    audio: bytes
    label: str


@dataclass(frozen=True)
class Players:
    """Sounds to compare, side by side."""

    players: Sequence[Player]
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """A picture and perhaps a sound, with a title and a line of text."""

    title: str
    text: str
    figure: Figure
    player: Player | None = None


@dataclass(frozen=True)
class Cards:
    """Cards side by side, as many as the screen is wide."""

    cards: Sequence[Card]
    caption: str = ""


@dataclass(frozen=True)
class Mark:
    """A dot and its interval on the axis of `Lines`: shares of its width; ``kind``: ``add`` (a disc) or ``fix`` (a square)."""

    at: float
    low: float
    high: float
    kind: str = "add"


@dataclass(frozen=True)
class Line:
    """One answer in markdown, with a ``chip`` in the colour of its ``kind`` (good, bad or of `saga_kedro.audit.verdicts`)."""

    title: str
    chip: str
    kind: str
    text: str = ""
    note: str = ""
    link: str = ""  # of the title
    marks: Sequence[Mark] = ()


@dataclass(frozen=True)
class Lines:
    """Answers, one under the other; their marks are on a common axis with a ``band`` (shares of its width) and ticks."""

    lines: Sequence[Line]
    caption: str = ""
    band: tuple[float, float] | None = None
    ticks: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class Callout:
    """A sentence that must not be overlooked: a ``note``, ``good`` or ``bad``."""

    markdown: str
    kind: str = "note"


@dataclass(frozen=True)
class Details:
    """Blocks behind a line that opens them."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """A titled part of a report; the table of contents has it if it is ``listed``."""

    title: str
    blocks: Sequence[Block]
    listed: bool = True


@dataclass(frozen=True)
class Report:
    """A report, with a line under its title."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    footer: str = ""
    language: str = "en"


Block = Text | Table | Figure | Players | Cards | Lines | Callout | Details
