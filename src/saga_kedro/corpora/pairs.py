"""Evaluation pairs: an input, its reference, and perhaps other systems' outputs."""

import re
from pathlib import Path

import pandas as pd

from saga_kedro.audio.files import audio_files
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.corpora.folder import CATEGORY_OF, read_index
from saga_kedro.corpora.manifest import CATEGORIES, Rejected, project_path, rejected_frame

COLUMNS = ["item", "category", "cutoff_khz", "system", "path"]

# Common parts of file names -> our names. Any other system is one to compare with.
CATEGORY_NAMES = CATEGORY_OF | {"s": "speech", "m": "music", "f": "effects", "e": "effects"}
SYSTEM_NAMES = {"lr": "input", "low": "input", "hr": "reference", "high": "reference"}


def find_pairs(
    folder: str | Path,
    index: str | Path | None = None,
    pattern: str | None = None,
    cutoff_khz: float | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List evaluation pairs (``COLUMNS``, sorted by category, item, cutoff and system) and rejected files (path, reason).

    The index is a CSV in ``folder``: item, category, cutoff_khz, system and path. Or ``pattern`` describes paths below
    ``folder``, e.g. ``{category}_{item}_{order}_{system}.wav``; other fields than the index's are ignored, and with a category
    the item is ``<category>_<item>``. ``CATEGORY_NAMES`` and ``SYSTEM_NAMES`` list accepted names. ``cutoff_khz`` is for inputs
    without one. ValueError if the folder, or both index and pattern, are missing, or a cutoff is not known.
    """
    folder = Path(folder)
    rejected: list[Rejected] = []
    if index is not None:
        listed = read_index(folder / index, ("item", "category", "system", "path"), ", ".join(COLUMNS))
    elif pattern is not None:
        listed, rejected = _by_pattern(folder, pattern)
    else:
        raise ValueError(f"Evaluation pairs need an index (CSV of {', '.join(COLUMNS)}) or a file-name pattern.")

    rows = []
    for row in listed:
        path = folder / row["path"]
        category = CATEGORY_NAMES.get(row.get("category", "other").lower())
        cutoff = row.get("cutoff_khz") or cutoff_khz
        if cutoff is None:
            raise ValueError(f"The cutoff of {path} is not known: neither the names nor the parameter cutoff_khz say it.")
        reason = _unusable(path) if category in CATEGORIES else f"unknown category {row.get('category')!r}"
        if reason:
            rejected.append(Rejected(project_path(path), reason))
            continue
        system = SYSTEM_NAMES.get(row["system"], row["system"])
        rows.append((row["item"], category, float(cutoff), system, project_path(path)))
    return _complete(pd.DataFrame(rows, columns=COLUMNS), rejected)


def _by_pattern(folder: Path, pattern: str) -> tuple[list[dict[str, str]], list[Rejected]]:
    expression = _expression(pattern)
    listed, rejected = [], []
    for path in audio_files(folder):
        relative = path.relative_to(folder).as_posix()
        match = expression.fullmatch(relative)
        if match is None:
            rejected.append(Rejected(project_path(path), f"its name does not fit the pattern {pattern}"))
            continue
        row = {name: value for name, value in match.groupdict().items() if name in COLUMNS}
        if "category" in row:
            row["item"] = f"{row['category']}_{row['item']}"
        listed.append({**row, "path": relative})
    return listed, rejected


def _expression(pattern: str) -> re.Pattern[str]:
    fields = re.findall(r"\{(\w+)\}", pattern)
    if not {"item", "system"} <= set(fields) or len(set(fields)) < len(fields):
        raise ValueError(f"The pattern {pattern!r} needs the fields {{item}} and {{system}}, and each field only once.")
    pieces = re.split(r"\{\w+\}", pattern)
    # each field is as short as possible: only the last may hold the separator, as in "saga_sr"
    groups = [f"(?P<{field}>[^/]+?)" for field in fields]
    return re.compile("".join(re.escape(piece) + group for piece, group in zip(pieces, [*groups, ""], strict=True)))


def _unusable(path: Path) -> str:
    if not path.is_file():
        return "unreadable: no such file"
    try:
        read_audio(path, 0, 1)
    except UnreadableAudio as error:
        return f"unreadable: {str(error).removeprefix(f'{path}: ')}"
    return ""


def _complete(pairs: pd.DataFrame, rejected: list[Rejected]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the items that have exactly one input and one reference at each cutoff."""
    kept = []
    for (item, cutoff), rows in pairs.groupby(["item", "cutoff_khz"], sort=False):
        counts = rows["system"].value_counts()
        needed = [name for name in ("input", "reference") if name not in counts]
        twice = list(counts[counts > 1].index)
        if needed or twice:
            wrong = f"no {' and no '.join(needed)}" if needed else f"{' and '.join(twice)} more than once"
            rejected += [Rejected(path, f"item {item} at {cutoff:g} kHz has {wrong}") for path in rows["path"]]
        else:
            kept.append(rows)
    table = pd.concat([pairs.iloc[:0], *kept]).sort_values(["category", "item", "cutoff_khz", "system"], ignore_index=True)
    return table, rejected_frame(sorted(rejected, key=lambda one: one.path))
