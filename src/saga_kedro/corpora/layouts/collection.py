"""Several published corpora in one folder, each in a sub-folder with the name of its layout: what the paper trains on."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from saga_kedro.corpora.layouts.esc50 import find_esc50
from saga_kedro.corpora.layouts.fma_small import find_fma_small
from saga_kedro.corpora.layouts.freesound import find_freesound
from saga_kedro.corpora.layouts.medleydb import find_medleydb
from saga_kedro.corpora.layouts.moisesdb import find_moisesdb
from saga_kedro.corpora.layouts.musdb18_hq import find_musdb18_hq
from saga_kedro.corpora.layouts.openslr import find_openslr
from saga_kedro.corpora.layouts.vctk import find_vctk
from saga_kedro.corpora.manifest import Source

LAYOUTS: dict[str, Callable[[str | Path], list[Source]]] = {
    "freesound": find_freesound,
    "medleydb": find_medleydb,
    "musdb18_hq": find_musdb18_hq,
    "moisesdb": find_moisesdb,
    "openslr": find_openslr,
    "vctk": find_vctk,
    "fma_small": find_fma_small,
    "esc50": find_esc50,
}


def find_collection(path: str | Path) -> list[Source]:
    """The sources of every corpus in a folder.

    Where one of them has an official test split, that split is its category's test split, see
    :func:`saga_kedro.corpora.splits.assign_splits`.

    Args:
        path: a folder whose sub-folders are named as in ``LAYOUTS``.
    """
    folders = sorted(folder for folder in Path(path).iterdir() if folder.is_dir() and not folder.name.startswith("."))
    if not folders:
        raise ValueError(f"{path} holds no corpora: give a folder with sub-folders named {', '.join(LAYOUTS)} (ingest.path).")
    for folder in folders:
        if folder.name not in LAYOUTS:
            near = get_close_matches(folder.name, LAYOUTS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(LAYOUTS)}."
            raise ValueError(f"{folder} is no layout of a corpus: {hint}")
    return [source for folder in folders for source in LAYOUTS[folder.name](folder)]
