"""Train, validation and test: no group is in two of them."""

from collections.abc import Iterable, Mapping

import pandas as pd

from saga_kedro.corpora.examine import MINIMUM_S
from saga_kedro.draws import seed_of


def assign_splits(
    manifest: pd.DataFrame,
    seed: int,
    validation: float = 0.1,
    test: float = 0.1,
    held_out: Mapping[str, Iterable[str]] | None = None,
) -> pd.DataFrame:
    """Fill in ``split``, ``start_s`` and ``end_s`` of a manifest, whose order is kept.

    In each category whole groups go to one split, in the order of a hash of (seed, category, group), until it has its share of
    the duration, in [0, 1). Each split gets at least one group; a group that would overshoot the share stays in training. In a
    category with fewer groups than splits each clip is cut into up to three rows, ``clip_id`` ending in ``-0`` (train), ``-1``
    (validation) or ``-2`` (test); clips that are too short go whole to one split.

    Where a category has an official test split or held-out origins (names of packages, repositories or owners, which a group
    is or begins with), those alone are that split. ValueError if nothing is left to train on, or an origin has no group.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise ValueError(
            f"The splits validation={validation} and test={test} must each be at least 0 and add up to less than 1, so that "
            "something is left to train on."
        )
    kept_for = _held_out(set(manifest["group"]), held_out or {})
    rows: list[dict] = []
    for category, clips in manifest.groupby("category", sort=True):
        official = set(clips.loc[clips["official_split"] == "test", "group"])
        split_of = clips["group"].map(dict.fromkeys(official, "test") | kept_for)
        decided = clips.assign(split=split_of)[split_of.notna()]
        rows += [_whole(clip, clip["split"]) for clip in decided.to_dict(orient="records")]
        shares = {"test": test, "validation": validation}
        left = {name: share for name, share in shares.items() if share > 0 and name not in set(split_of)}
        rows += _divide(clips[split_of.isna()], left, seed, str(category))
    order = {path: position for position, path in enumerate(manifest["path"])}
    rows.sort(key=lambda row: (order[row["path"]], row["start_s"]))
    return pd.DataFrame(rows, columns=list(manifest.columns)).astype({"start_s": float, "end_s": float})


def _held_out(groups: set[str], held_out: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Groups of held-out origins to their splits."""
    split_of: dict[str, str] = {}
    for split, names in held_out.items():
        for name in names:
            found = {group for group in groups if group == name or group.startswith(f"{name}/")}
            if not found:
                raise ValueError(f"Nothing of {name} is in the corpus, so it cannot be held out (ingest.held_out.{split}).")
            split_of |= dict.fromkeys(found, split)
    return split_of


def _divide(clips: pd.DataFrame, shares: Mapping[str, float], seed: int, category: str) -> list[dict]:
    durations = clips.groupby("group")["duration_s"].sum().to_dict()
    if len(durations) > len(shares):
        split_of = _walk(durations, shares, seed, category)
        return [_whole(clip, split_of[clip["group"]]) for clip in clips.to_dict(orient="records")]
    long_enough = clips["duration_s"] * min(shares.values(), default=1.0) >= MINIMUM_S
    rows = [row for clip in clips[long_enough].to_dict(orient="records") for row in _ranges(clip, shares)]
    short = clips[~long_enough]
    split_of = _walk(short.set_index("clip_id")["duration_s"].to_dict(), shares, seed, category)
    return rows + [_whole(clip, split_of[clip["clip_id"]]) for clip in short.to_dict(orient="records")]


def _walk(durations: Mapping[str, float], shares: Mapping[str, float], seed: int, category: str) -> dict[str, str]:
    """Names to splits: in the order of their hashes, each share is filled with those that fit; the rest is for training."""
    left = sorted(durations, key=lambda name: seed_of(seed, "split", category, name))
    total = sum(durations.values())
    split_of: dict[str, str] = {}
    for position, (split, share) in enumerate(shares.items()):
        spare = len(left) - (len(shares) - position)  # the later splits and training need one each
        if spare <= 0:
            break
        room = share * total
        taken: list[str] = []
        for name in left:
            if len(taken) < spare and durations[name] <= room:
                taken.append(name)
                room -= durations[name]
        taken = taken or [min(left, key=lambda name: durations[name])]
        split_of |= dict.fromkeys(taken, split)
        left = [name for name in left if name not in split_of]
    return split_of | dict.fromkeys(left, "train")


def _whole(clip: dict, split: str) -> dict:
    return {**clip, "split": split, "start_s": 0.0, "end_s": clip["duration_s"]}


def _ranges(clip: dict, shares: Mapping[str, float]) -> list[dict]:
    if not shares:
        return [_whole(clip, "train")]
    end_of_validation = clip["duration_s"] * (1 - shares.get("test", 0.0))
    end_of_train = end_of_validation - clip["duration_s"] * shares.get("validation", 0.0)
    bounds = {
        "train": (0.0, end_of_train),
        "validation": (end_of_train, end_of_validation),
        "test": (end_of_validation, clip["duration_s"]),
    }
    return [
        {**clip, "clip_id": f"{clip['clip_id']}-{number}", "split": split, "start_s": start, "end_s": end}
        for number, (split, (start, end)) in enumerate(bounds.items())
        if split == "train" or split in shares
    ]
