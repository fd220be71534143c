"""What a report is made of. A block knows nothing of HTML or markdown; `html` and `markdown` write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the light installation has no pandas
    import pandas as pd


@dataclass(frozen=True)
class Text:
    """Markdown: paragraphs, lists, emphasis, code, links. HTML in it is shown as text."""

    markdown: str


@dataclass(frozen=True)
class Table:
    """A table of text; its first column names the lines."""

    frame: pd.DataFrame
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture as the bytes of a PNG or SVG file, another for ``small`` screens."""

    image: bytes
    name: str  # of its file beside a markdown report, without suffix
    caption: str = ""
    alternative: str = ""  # says in words what is seen
    narrow: bool = False  # shares a line with another where the screen is wide enough
    small: bytes = b""

    @property
    def suffix(self) -> str:
        return "png" if self.image.startswith(b"\x89PNG") else "svg"


@dataclass(frozen=True)
class Player:
    """One sound: the bytes of a FLAC, OGG or WAV file, and what it is."""

    audio: bytes
    name: str
    label: str

    @property
    def suffix(self) -> str:
        return {b"fLaC": "flac", b"OggS": "ogg", b"RIFF": "wav"}[self.audio[:4]]


@dataclass(frozen=True)
class Players:
    """Sounds to compare, side by side."""

    players: Sequence[Player]
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """A picture and a sound of one thing, under its title and a line about it."""

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
    """One answer: a coloured ``chip`` of a ``kind``, markdown of what it is about and, smaller, a ``note`` and the ``text``.

    ``link``: where ``title`` leads. Kinds: those of `saga_kedro.audit.verdicts`, and good, bad.
    """

    title: str
    chip: str
    kind: str
    text: str = ""
    note: str = ""
    link: str = ""
    marks: Sequence[Mark] = ()


@dataclass(frozen=True)
class Lines:
    """Answers, one under the other; where they have marks, on a common axis with a ``band`` (shares of its width) and ticks."""

    lines: Sequence[Line]
    caption: str = ""
    band: tuple[float, float] | None = None
    ticks: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class Callout:
    """A sentence that must not be overlooked: a ``note``, ``good`` or ``bad``, shown by word and sign, not by colour alone."""

    markdown: str
    kind: str = "note"


@dataclass(frozen=True)
class Details:
    """Blocks behind a line that opens them."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """A titled part of a report; the contents leave out what is not ``listed``."""

    title: str
    blocks: Sequence[Block]
    listed: bool = True


@dataclass(frozen=True)
class Report:
    """A report: what it is, in one line under the title, and its sections."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    footer: str = ""
    language: str = "en"


Block = Text | Table | Figure | Players | Cards | Lines | Callout | Details
