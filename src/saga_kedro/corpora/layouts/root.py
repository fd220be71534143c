"""Where a corpus begins: people name the folder that an archive made, or the one they unpacked it in."""

from __future__ import annotations

from pathlib import Path


def root_of(folder: str | Path, marker: str, corpus: str) -> Path:
    """The folder itself, or the one directly below it, in which something matches ``marker``.

    Args:
        folder: what the person gave.
        marker: a glob pattern that only this corpus' top folder matches.
        corpus: its name, for the error.
    """
    folder = Path(folder)
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    for root in (folder, *below):
        if next(root.glob(marker), None) is not None:
            return root
    raise ValueError(f"{folder} is not laid out as {corpus}: no {marker} in it or one folder below (ingest.path).")
