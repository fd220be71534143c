"""What a report is made of. A block knows nothing of HTML or markdown; `html` and `markdown` write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    """A picture as the bytes of a PNG or SVG file.

    ``name`` is a short file name without suffix, used where the report is written as markdown; ``alternative`` says in words
    what is seen. A ``narrow`` figure shares a line with another where the screen is wide enough.
    """

    image: bytes
    name: str
    caption: str = ""
    alternative: str = ""
    narrow: bool = False

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
    """A titled part of a report."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A report: what it is, in one line under the title, and its sections."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    footer: str = field(default="")


Block = Text | Table | Figure | Players | Callout | Details
