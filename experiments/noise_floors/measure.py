"""The noise floors of a corpus' recordings, and how accurately what lies below a cutoff continues them above it.

    .venv/bin/python experiments/noise_floors/measure.py --clips data/03_primary/<dataset>/clips.parquet [--picture floors.png]

Run it in the project's folder, of which the paths in the table of clips are relative. It measures with what a training
measures with (`saga_kedro.training.noise_floors`), at most so many clips a group and an origin. An origin is here the first
part of a clip's group: a repository's owner, or a package. Each is left out in turn, as a whole; the table of the
continuation is made of all others, and the floors of its clips are continued from what lies below the cutoff and compared
with what was measured above. Every origin counts once, whatever the number of its clips. Lossless files alone say what is
above 12 kHz.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd

from saga_kedro.evaluation.summary import interval
from saga_kedro.model.noise_floor import HERTZ, Floor, FloorPredictor
from saga_kedro.training.noise_floors import chosen_clips, floors_of_clips, floors_of_groups

OCTAVES = [(600, 1_200), (1_200, 2_400), (4_000, 6_000), (6_000, 8_000), (8_000, 12_000), (12_000, 16_000), (16_000, 20_000)]
REFERENCE = (2_000, 4_000)
CUTOFFS = (4_000, 8_000)
HIGHEST_HZ = 20_000
TOP = (12_000, 20_000)
LEAST_CLIPS = 5
"""An origin with fewer floors is in the table, but neither judged nor drawn."""
LOWEST_DRAWN_HZ = 600  # as far down as the continuation looks
TURN_DB = 6.0
"""Amplitude halved or doubled, and about the error of a continuation: what differs by less is not told apart."""
TURNS = ("falls", "stays", "rises")
Found = tuple[str, Floor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="table of an ingested corpus")
    parser.add_argument("--per-group", type=int, default=40, help="clips a group, at most")
    parser.add_argument("--per-origin", type=int, default=200, help="clips of a folder of groups, at most")
    parser.add_argument("--workers", type=int, help="processes; default: one a core")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of clips")
    parser.add_argument("--picture", type=Path, help="where to draw the origins' floors")
    asked = parser.parse_args()
    clips = pd.read_parquet(asked.clips)
    tried = chosen_clips(clips, asked.seed, asked.per_group, asked.per_origin)["group"].map(origin_of).value_counts()
    found = floors_of_clips(clips, asked.seed, asked.workers, asked.per_group, asked.per_origin)
    report(found, tried)
    if asked.picture:
        draw(found, asked.picture)


def report(found: list[Found], tried: pd.Series) -> None:
    """Print the tables."""
    origins = by_origin(found)
    print(f"{sum(tried)} clips of {len(tried)} origins measured; {len(found)} of {len(origins)} have a floor.\n")
    print("Level in dB, relative to 2-4 kHz; mean of an origin's clips.\n")
    show(["origin", "floors", "of clips", *(f"{low / 1000:g}-{high / 1000:g} kHz" for low, high in OCTAVES)])
    for origin, floors in origins.items():
        shape, known = mean_shape(floors)
        print("|", " | ".join([origin, str(len(floors)), str(tried[origin]), *levels(shape, known)]), "|")
    judged = pd.concat([judge(found, cutoff) for cutoff in CUTOFFS])
    for cutoff, rows in judged.groupby("cutoff"):
        errors(rows, f"Cutoff {cutoff / 1000:g} kHz, up to {HIGHEST_HZ / 1000:g} kHz")
        confusion(rows, cutoff)


def judge(found: list[Found], cutoff: int) -> pd.DataFrame:
    """Each origin's floors, continued by those of all others: a row a clip and way, with error and turn, true and told."""
    rows = []
    for origin in by_origin(found):
        predictor = FloorPredictor()
        predictor.fit(floors_of_groups([(group, floor) for group, floor in found if origin_of(group) != origin]))
        for group, floor in found:
            heard = floor.reach_hz > HERTZ
            above = heard & (cutoff < HERTZ) & (HERTZ < HIGHEST_HZ)
            if origin_of(group) != origin or not above.any():
                continue
            ways = {
                "flat": FloorPredictor().continued(floor.level_db, cutoff),
                "mean shape": predictor.continued(floor.level_db, cutoff, math.inf),
                "kernel": predictor.continued(floor.level_db, cutoff),
            }
            for way, told in ways.items():
                wrong = told - floor.level_db
                top = above & band(TOP)
                rows.append(
                    {
                        "cutoff": cutoff,
                        "origin": origin,
                        "way": way,
                        "rms": float(np.sqrt(np.mean(wrong[above] ** 2))),
                        "bias": float(wrong[above].mean()),
                        "top rms": float(np.sqrt(np.mean(wrong[top] ** 2))) if top.any() else math.nan,
                        "top bias": float(wrong[top].mean()) if top.any() else math.nan,
                        "true": turn(floor.level_db, heard, cutoff),
                        "told": turn(told, heard, cutoff),
                    }
                )
    return pd.DataFrame(rows)


def errors(rows: pd.DataFrame, title: str) -> None:
    """Error and bias of every way, origins counted once, and of the kernel by origin."""
    floors = rows[rows["way"] == "kernel"]["origin"].value_counts()
    means = rows.groupby(["origin", "way"])[["rms", "bias", "top rms", "top bias"]].mean()
    means = means[means.index.get_level_values("origin").map(floors) >= LEAST_CLIPS].unstack("way")
    lossless = means["top rms"]["flat"].notna().sum()
    print(f"\n{title}: dB, mean of {len(means)} left-out origins +- half its 95 % interval; above 12 kHz {lossless} of them.\n")
    show(["way", "RMS error", "bias", "RMS error above 12 kHz", "bias above 12 kHz"])
    ways = ("flat", "mean shape", "kernel")
    for way in ways:
        print("|", " | ".join([way, *(spread(means[what][way]) for what in ("rms", "bias", "top rms", "top bias"))]), "|")
    gain = [spread(means[what]["kernel"] - means[what]["flat"]) for what in ("rms", "top rms")]
    print(f"\nRMS error of the kernel less that of flat, origin by origin: {gain[0]}; above 12 kHz {gain[1]}.\n")
    show(["left out", "floors", *(f"{way} RMS" for way in ways), "kernel bias"])
    for origin, row in means.iterrows():
        cells = [*(f"{row['rms'][way]:.1f}" for way in ways), f"{row['bias']['kernel']:+.1f}"]
        print("|", " | ".join([str(origin), str(floors[origin]), *cells]), "|")


def confusion(rows: pd.DataFrame, cutoff: int) -> None:
    """How often a floor that falls, stays or rises is predicted to, in shares of floors; every origin counts once."""
    rows = rows[(rows["way"] == "kernel") & (rows["true"] != "")]
    rows = rows[rows.groupby("origin")["way"].transform("size") >= LEAST_CLIPS]
    weight = 1 / rows.groupby("origin")["way"].transform("size")
    table = weight.groupby([rows["true"], rows["told"]]).sum().unstack(fill_value=0.0)
    table = table.reindex(index=TURNS, columns=TURNS, fill_value=0.0) / max(weight.sum(), 1e-9)
    print(
        f"\nFrom {cutoff / 2000:g}-{cutoff / 1000:g} to 12-20 kHz, a floor falls or rises by more than {TURN_DB:g} dB, or "
        f"stays; per cent of {len(rows)} floors, {rows['origin'].nunique()} origins counted once each.\n"
    )
    show(["what it does", *(f"told: {turn}" for turn in TURNS)])
    for true in TURNS:
        print("|", " | ".join([true, *(f"{100 * table.loc[true, told]:.0f}" for told in TURNS)]), "|")
    right = sum(table.loc[turn, turn] for turn in TURNS)
    print(f"\nRight: {100 * right:.0f} %; always saying the commonest: {100 * table.sum(axis=1).max():.0f} %.")


def origin_of(group: str) -> str:
    """Owner or package: the first part of a group's name."""
    return group.split("/", 1)[0]


def by_origin(found: list[Found]) -> dict[str, list[Floor]]:
    """Floors of each origin, by name."""
    return {
        origin: [floor for group, floor in found if origin_of(group) == origin]
        for origin in sorted({origin_of(group) for group, _ in found}, key=str.lower)
    }


def band(limits: tuple[int, int]) -> np.ndarray:
    return (limits[0] <= HERTZ) & (limits[1] > HERTZ)


def mean_shape(floors: list[Floor]) -> tuple[np.ndarray, np.ndarray]:
    """Mean level of each band relative to 2-4 kHz, and whether at least half of the floors reach it."""
    shapes = np.stack([floor.level_db - floor.level_db[band(REFERENCE)].mean() for floor in floors])
    reached = np.stack([floor.reach_hz > HERTZ for floor in floors])
    return np.where(reached, shapes, 0).sum(axis=0) / np.maximum(reached.sum(axis=0), 1), reached.mean(axis=0) >= 0.5


def levels(shape: np.ndarray, known: np.ndarray) -> list[str]:
    """Cells of `OCTAVES`: those of which half the bands are known."""
    return [f"{shape[band(o) & known].mean():+.1f}" if known[band(o)].mean() >= 0.5 else "" for o in OCTAVES]


def turn(level_db: np.ndarray, known: np.ndarray, cutoff: int) -> str:
    """What a floor does between the octave below the cutoff and 12 to 20 kHz; empty where half of that is not known."""
    if known[band(TOP)].mean() < 0.5:
        return ""
    rise = level_db[band(TOP) & known].mean() - level_db[band((cutoff // 2, cutoff))].mean()
    return TURNS[int(rise > -TURN_DB) + int(rise > TURN_DB)]


def spread(values: pd.Series) -> str:
    known = values.dropna().to_numpy(float)
    low, high = interval(known)
    mean = f"{known.mean():+.1f}" if known.min() < 0 else f"{known.mean():.1f}"
    return f"{mean} ± {(high - low) / 2:.1f}"


def show(titles: list[str]) -> None:
    print("|", " | ".join(titles), "|")
    print("| ---", "| ---: " * (len(titles) - 1) + "|")


def draw(found: list[Found], path: Path) -> None:
    """One line an origin, its level relative to 2-4 kHz; what falls, stays and rises in separate colours."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    from saga_kedro.reporting.figures import BLUE, GREEN, GREY, VERMILION

    colours = dict(zip(TURNS, (BLUE, GREEN, VERMILION), strict=True)) | {"": GREY}
    figure, axes = pyplot.subplots(figsize=(7, 4.6), facecolor="white")
    ends = []
    for origin, floors in by_origin(found).items():
        if len(floors) < LEAST_CLIPS:
            continue
        shape, known = mean_shape(floors)
        colour = colours[turn(shape, known, CUTOFFS[0])]
        drawn = known & (LOWEST_DRAWN_HZ < HERTZ) & (HERTZ < HIGHEST_HZ)
        width, alpha = (1.0, 0.5) if colour == GREY else (1.8, 1.0)
        axes.plot(HERTZ[drawn], shape[drawn], color=colour, linewidth=width, alpha=alpha)
        if colour != GREY:
            ends.append((shape[drawn][-1], HERTZ[drawn][-1], origin, colour))
    below = -math.inf
    for level, hertz, origin, colour in sorted(ends):
        below = max(level, below + 2.0)  # names do not overlap
        axes.annotate(origin, (hertz, level), (21_000, below), color=colour, fontsize=9, va="center", annotation_clip=False)
    axes.axvspan(CUTOFFS[0], HIGHEST_HZ, color="black", alpha=0.05, linewidth=0)
    axes.set_xscale("log")
    axes.set_xlim(LOWEST_DRAWN_HZ, HIGHEST_HZ)
    ticks = [600, 1_200, 2_400, 4_000, 8_000, 12_000, 20_000]
    axes.set_xticks(ticks, [f"{tick / 1000:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("frequency, kHz (shaded: above a cutoff of 4 kHz)", fontsize=10)
    axes.set_ylabel("level relative to 2-4 kHz, dB", fontsize=10)
    axes.grid(alpha=0.3)
    titles = {"falls": "falls", "stays": "stays within 6 dB", "rises": "rises", "": "known up to 12 kHz only"}
    seen = {colour for *_, colour in ends} | {GREY}
    lines = [Line2D([], [], color=colours[turn], label=title) for turn, title in titles.items() if colours[turn] in seen]
    what = "from 2-4 to 12-20 kHz it"
    axes.legend(handles=lines, title=what, fontsize=9, title_fontsize=9, loc="upper center", frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=200, bbox_inches="tight")


if __name__ == "__main__":
    main()
