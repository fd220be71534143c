"""FMA-small (github.com/mdeff/fma): 8,000 excerpts of 30 s of 8 genres, MP3.

::

    fma_small/000/000002.mp3
    fma_metadata/tracks.csv
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from saga_kedro.corpora.layouts.root import root_of
from saga_kedro.corpora.manifest import Source


def find_fma_small(path: str | Path) -> list[Source]:
    """Every excerpt, by artist, with the official test split and each track's own licence.

    ``fma_metadata`` is looked for beside the audio, in ``path`` and beside ``path``.
    """
    root = root_of(path, "[0-9][0-9][0-9]/*.mp3", "FMA-small")
    places = [folder / "fma_metadata" / "tracks.csv" for folder in (root, root.absolute().parent, Path(path).absolute().parent)]
    metadata = next((place for place in places if place.is_file()), None)
    if metadata is None:
        raise ValueError(f"FMA-small in {root} lacks fma_metadata/tracks.csv: artists, licences and the test split.")
    columns = pd.read_csv(metadata, index_col=0, header=[0, 1], nrows=0).columns
    wanted = [("artist", "id"), ("set", "split"), ("track", "license")]
    places_of = [0, *(columns.get_loc(name) + 1 for name in wanted)]
    table = pd.read_csv(metadata, header=None, skiprows=3, usecols=places_of, dtype=str, keep_default_na=False)
    about = {int(row[0]): [row[place] for place in places_of[1:]] for row in table.to_dict("records")}
    sources = []
    for file in sorted(root.glob("[0-9][0-9][0-9]/*.mp3")):
        artist, split, licence = about.get(int(file.stem), (f"unknown-{file.stem}", "", ""))
        sources.append(Source(file, "music", f"fma/{artist}", licence, "test" if split == "test" else "train"))
    return sources
