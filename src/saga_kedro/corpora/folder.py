"""Any tree of audio files."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import pandas as pd

from saga_kedro.audio.files import audio_files
from saga_kedro.corpora.manifest import CATEGORIES, Category, OfficialSplit, Source

CATEGORY_OF: dict[str, Category] = {
    "speech": "speech", "voice": "speech", "voices": "speech",
    "music": "music", "song": "music", "songs": "music",
    "effects": "effects", "effect": "effects", "sound_effects": "effects", "sfx": "effects", "fx": "effects",
    "other": "other",
}  # fmt: skip


def find_folder(folder: str | Path, index: str | Path | None = None) -> list[Source]:
    """The audio files of a folder, with category and group, sorted by path.

    Without an index the category is that of the first sub-folder named like one (speech, music, effects and a few synonyms),
    else ``other``. The index is a CSV, its path relative to ``folder``, with ``path`` (likewise), ``category`` and perhaps
    ``group``, ``licence`` and ``official_split`` (train or test). ValueError if a folder, index, column or category is missing.
    """
    folder = Path(folder)
    if index is None:
        files = [(path, path.relative_to(folder)) for path in audio_files(folder)]
        named = [(path, relative, category_of(relative.parts[:-1]) or "other") for path, relative in files]
        return [Source(path, category, group_of(relative, category)) for path, relative, category in named]
    rows = read_index(folder / index, ("category", "path"), "path and category (ingest.index)")
    return [_listed(folder, folder / index, row) for row in sorted(rows, key=lambda row: row["path"])]


def read_index(index: Path, needed: Sequence[str], asked: str) -> list[dict[str, str]]:
    """The rows of a CSV that must have some columns; the error for a missing file says what is ``asked`` for."""
    if not index.is_file():
        raise ValueError(f"There is no index {index}. Give a CSV with the columns {asked}.")
    table = pd.read_csv(index, dtype=str, keep_default_na=False)
    missing = [name for name in needed if name not in table]
    if missing:
        raise ValueError(f"The index {index} lacks the column {' and '.join(missing)}.")
    return table.to_dict(orient="records")


def category_of(names: Iterable[str]) -> Category | None:
    """The category of the first name that means one, in upper or lower case; None if none does."""
    return next((CATEGORY_OF[name.lower()] for name in names if name.lower() in CATEGORY_OF), None)


def _listed(folder: Path, index: Path, row: dict[str, str]) -> Source:
    category = CATEGORY_OF.get(row["category"].strip().lower())
    if category is None:
        raise ValueError(
            f"The index {index} gives {row['path']} the category {row['category']!r}; known are {', '.join(CATEGORIES)}."
        )
    official = row.get("official_split", "")
    if official not in ("train", "test", ""):
        raise ValueError(f"The index {index} gives {row['path']} the official_split {official!r}; it is train, test or empty.")
    group = row.get("group") or group_of(Path(row["path"]), category)
    return Source(folder / row["path"], category, group, row.get("licence", ""), cast(OfficialSplit, official))


def group_of(relative: Path, category: Category) -> str:
    """The speaker, piece or kit that a file belongs to, by its path below the corpus' folder.

    It is the file's folder, where ``__`` in a name counts as ``/``. A file in a category's folder or in none is grouped by its
    name: of speech up to the first ``_`` or ``-`` (``p225_001``: p225), of others without the number at its end (``kick_01``).
    """
    parts = [*relative.parts[:-1], *relative.stem.split("__")]
    folders, name = parts[:-1], parts[-1]
    if folders and folders[-1].lower() not in CATEGORY_OF:
        return "/".join(folders)
    own = re.split(r"[_-]", name)[0] if category == "speech" else re.sub(r"[\s_.-]*\d+$", "", name)
    return "/".join([*folders, own or name])
