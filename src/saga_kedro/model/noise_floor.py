"""Extrapolate a noise floor above the cutoff from recordings with a similar floor below it.

A table holds floors of many recordings, each up to where it was measured. An input's floor is compared with their shapes below
the cutoff, whatever the level, and continues from band to band by the mean step of those that fit and reach that far:
Nadaraya-Watson regression with a Gaussian kernel. Steps rather than levels, because the mean level jumps where some floors end.
docs/noise_floors.md describes the table and the accuracy on recordings outside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.noise_floor import N_FFT, measure_floor
from saga_kedro.audio.reading import Read
from saga_kedro.model.codec.band_envelope import band_edges

ROWS, BANDS = 256, 64
EDGES = band_edges(BANDS, N_FFT // 2 + 1, SAMPLE_RATE, 8_000.0)
HERTZ = (EDGES[:-1] + EDGES[1:] - 1) / 2 * SAMPLE_RATE / N_FFT
LOWEST_HZ = 600.0  # under it are hum and rumble, which say little of what is far above
TOP_BANDS = 6  # below the cutoff: where levels are compared
KNOWN_BELOW = 0.88  # of the cutoff: what a low-pass has not touched
KERNEL_DB = 2.0
STRETCH_SECONDS = 60.0
LEAST_CUTOFF_HZ = 4_000.0  # under which a floor must be one, too


@dataclass(frozen=True)
class Floor:
    """A measured floor."""

    level_db: np.ndarray  # [BANDS], mean power of each band's bins in dB
    reach_hz: float  # up to where it is known
    origin: str  # name of the microphone and room that it shares with others


class FloorPredictor:
    """A table of floors measured in the training clips, and the continuation of another one."""

    def __init__(self) -> None:
        self.level_db = np.zeros((ROWS, BANDS), np.float32)
        self.known = np.zeros((ROWS, BANDS), bool)
        self.weight = np.zeros(ROWS, np.float32)

    def fit(self, floors: Sequence[Floor]) -> None:
        """Fill the table with the first ``ROWS`` floors; an origin with n floors weighs as the root of n."""
        floors = list(floors)[:ROWS]
        origins = [floor.origin for floor in floors]
        for table in vars(self).values():
            table[...] = 0
        for row, floor in enumerate(floors):
            self.level_db[row] = floor.level_db
            self.known[row] = floor.reach_hz > HERTZ
            self.weight[row] = origins.count(floor.origin) ** -0.5

    def continued(self, level_db: np.ndarray, cutoff_hz: float, kernel_db: float = KERNEL_DB) -> np.ndarray:
        """A floor ``level_db`` [BANDS], known below the cutoff, continued above it; flat where no floor of the table reaches.

        Values above 0.88 x cutoff are ignored. ``kernel_db`` is how far below the cutoff a floor may be from this one to count;
        infinite is the mean of the table.
        """
        below = np.flatnonzero((HERTZ > LOWEST_HZ) & (KNOWN_BELOW * cutoff_hz > HERTZ))
        above = KNOWN_BELOW * cutoff_hz <= HERTZ
        if len(below) < TOP_BANDS or not above.any():
            return level_db.copy()
        top, last = below[-TOP_BANDS:], below[-1]
        table, known = self.level_db.astype(np.float64), self.known
        weight = self.weight.astype(np.float64) * known[:, below].all(axis=1)
        shape = level_db - level_db[top].mean()
        continued = np.zeros(BANDS)
        if weight.any():
            shapes = table - table[:, top].mean(axis=1, keepdims=True)
            near = np.linspace(0.3, 1.0, len(below))  # what is near the cutoff says more of what is above it
            distance = ((shapes[:, below] - shape[below]) ** 2 * near).sum(axis=1) / near.sum()
            nearest = distance[weight > 0].min()
            kernel = weight * np.exp(-0.5 * (distance - nearest) / kernel_db**2)
            both = kernel[:, None] * (known[:, 1:] & known[:, :-1])
            total = both.sum(axis=0)
            reached = total > 1e-9 * total.max()
            step = np.where(reached, (both * np.diff(shapes, axis=1)).sum(axis=0) / np.where(reached, total, 1.0), 0.0)
            continued[last:] = (kernel @ shapes[:, last]) / kernel.sum() + np.concatenate([[0.0], np.cumsum(step[last:])])
        return np.where(above, continued + level_db[top].mean(), level_db)


@dataclass(frozen=True)
class FloorTrack:
    """The noise floor of a clip, stretch by stretch."""

    middles: np.ndarray  # [S], the sample in the middle of each
    power: np.ndarray  # [S, 2 (mid, side), BANDS], mean power of each band's bins, 0 where there is no floor

    def __bool__(self) -> bool:
        return bool(self.power.any())

    def at(self, samples: np.ndarray) -> np.ndarray:
        """Power at samples [n], interpolated between the middles of stretches: [n, 2, BANDS]."""
        right = np.clip(np.searchsorted(self.middles, samples), 1, max(1, len(self.middles) - 1))
        left = right - 1
        right = np.minimum(right, len(self.middles) - 1)
        width = np.maximum(self.middles[right] - self.middles[left], 1)
        share = np.clip((samples - self.middles[left]) / width, 0, 1)[:, None, None]
        return self.power[left] * (1 - share) + self.power[right] * share


def track_floor(read: Read, samples: int, cutoff_hz: float, predictor: FloorPredictor, amount: float) -> FloorTrack:
    """Measure a clip's noise floor and continue it above ``cutoff_hz``; ``amount`` in [0, 1] is a factor of amplitude."""
    stretches = max(1, round(samples / (STRETCH_SECONDS * SAMPLE_RATE)))
    bounds = np.linspace(0, samples, stretches + 1).astype(int)
    power = np.zeros((stretches, 2, BANDS))
    for k in range(stretches if amount else 0):
        left, right = read(int(bounds[k]), int(bounds[k + 1]))
        for side, audio in enumerate(((left + right) / 2, (left - right) / 2)):
            floor = _floor_of(audio, cutoff_hz)
            if floor is not None:
                power[k, side] = 10 ** (predictor.continued(level_of(floor), cutoff_hz) / 10) * amount**2
    return FloorTrack((bounds[:-1] + bounds[1:]) / 2, power)


def _floor_of(audio: np.ndarray, cutoff_hz: float) -> np.ndarray | None:
    """A channel's floor, if there is one below 4 kHz too: high bands of dense music only look like one."""
    if not audio.any() or (cutoff_hz > LEAST_CUTOFF_HZ and measure_floor(audio, LEAST_CUTOFF_HZ) is None):
        return None
    return measure_floor(audio, cutoff_hz)


def level_of(power: np.ndarray) -> np.ndarray:
    """Powers of bins [1025] as levels of bands [BANDS] in dB."""
    return 10 * np.log10(np.add.reduceat(power.astype(float), EDGES[:-1]) / np.diff(EDGES) + 1e-20)
