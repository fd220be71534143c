"""Audio of any length: overlapping windows for the network, blocks of windows for the sampler, pieces of a block for codec and
spectra."""

import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.draws import rng

OVERLAP = 0.25  # share of a window that it has in common with the next one
BLOCK_SECONDS = 300.0  # about the length of a block of windows
SHARED_SECONDS, SHARED_WINDOWS = 8.0, 4  # at least what neighbouring blocks have in common
FADE = 8_192  # samples over which one block fades into the next, in the middle of what they have in common
NOISE_FRAMES = 256
THREADS = 2  # each holds a piece; more would need more than 1 GB

Result = TypeVar("Result")


def window_starts(frames: int, length: int) -> list[int]:
    """First frames of windows of ``length`` that cover ``frames``; the last window ends with the last frame."""
    if frames < length:
        raise ValueError(f"{frames} frames are fewer than a window of {length}: pad them first.")
    stride = max(1, round(length * (1 - OVERLAP)))
    return [*range(0, frames - length, stride), frames - length]


def cut(z: Array, starts: list[int], length: int) -> Array:
    """Windows of one latent: [C, L] -> [windows, C, length]."""
    return array_namespace(z).stack([z[:, start : start + length] for start in starts])


def cross_fade(windows: Array, starts: list[int], frames: int) -> Array:
    """The mean of overlapping windows, weighted by linear ramps: [windows, C, length] -> [C, frames]. It inverts `cut`."""
    length = windows.shape[-1]
    rise = np.arange(1, length + 1) / (OVERLAP * length + 1)
    weight = like(np.minimum(np.minimum(rise, rise[::-1]), 1), windows)
    total = like(np.zeros((windows.shape[1], frames), np.float32), windows)
    weights = like(np.zeros(frames, np.float32), windows)
    for window, start in zip(windows, starts, strict=True):
        total[:, start : start + length] += weight * window
        weights[start : start + length] += weight
    return total / weights


@dataclass(frozen=True)
class Block:
    """Some windows of a long clip; neighbouring blocks share ``FADE`` samples."""

    starts: list[int]  # first frames of the windows, counted from the block's first
    first: int  # frame of the clip
    frames: int
    begin: int  # samples [begin, end) of the clip that it gives
    end: int


def blocks(starts: list[int], length: int, hop: int) -> list[Block]:
    """Group windows of ``length`` frames, of ``hop`` samples each, into blocks; ``starts`` are all windows' first frames.

    A window's velocity depends on its neighbours, less with every window in between, and the noise at a frame is always the
    same. So two blocks agree in the middle of their overlap, and a short fade there joins them.
    """
    stride = max(1, starts[1] - starts[0]) if len(starts) > 2 else length
    frame = hop / SAMPLE_RATE
    shared = max(SHARED_WINDOWS, int(-(-SHARED_SECONDS // (stride * frame))))
    own = max(shared, int(BLOCK_SECONDS / (stride * frame)))
    groups = [starts[k : k + own + shared] for k in range(0, max(1, len(starts) - shared), own)]
    middles = [(right[0] + left[-1] + length) // 2 * hop for left, right in pairwise(groups)]
    begins = [0, *(middle - FADE // 2 for middle in middles)]
    ends = [*(middle + FADE // 2 for middle in middles), (starts[-1] + length) * hop]
    return [
        Block([start - group[0] for start in group], group[0], group[-1] + length - group[0], begin, end)
        for group, begin, end in zip(groups, begins, ends, strict=True)
    ]


def pieces(begin: int, end: int, total: int, size: int, margin: int) -> Iterator[tuple[slice, slice]]:
    """Cut [begin, end) into runs of ``size``: each with a margin on both sides, within [0, total), and its part to keep."""
    for start in range(begin, end, size):
        stop = min(end, start + size)
        wide = slice(max(0, start - margin), min(total, stop + margin))
        yield wide, slice(start - wide.start, stop - wide.start)


def ahead(jobs: Sequence[Callable[[], Result]], threads: int = THREADS) -> Iterator[Result]:
    """The results of jobs, in order, while threads (where the platform has them) compute the next ones."""
    if len(jobs) == 1 or sys.platform == "emscripten":  # each thread adds a heap: not worth it for one job
        yield from (job() for job in jobs)
        return
    with ThreadPoolExecutor(threads) as pool:
        begun: deque[Future[Result]] = deque()
        for job in jobs:
            begun.append(pool.submit(job))
            if len(begun) > threads:
                yield begun.popleft().result()
        yield from (one.result() for one in begun)


def noise_at(
    seed: int, what: str, channels: int, first: int, frames: int, block: int = NOISE_FRAMES, period: int = sys.maxsize
) -> np.ndarray:
    """Frames [first, first + frames) of normal noise, float32 [channels, frames], that repeats after ``period`` blocks."""
    drawn = range(first // block, -(-(first + frames) // block))
    noise = [rng(seed, what, k % period).standard_normal((channels, block), np.float32) for k in drawn]
    return np.concatenate(noise, axis=-1)[:, first - drawn.start * block :][:, :frames]


def joined(streams: Iterator[Iterator[np.ndarray]]) -> Iterator[np.ndarray]:
    """Join streams of parts [channels, n]; each starts with the ``FADE`` samples that the one before ended with, cross-faded
    here."""
    rise = ((np.arange(FADE) + 0.5) / FADE).astype(np.float32)
    tail: np.ndarray | None = None
    for stream in streams:
        before, held = tail, None
        for part in stream:
            held = part if held is None else np.concatenate([held, part], axis=1)
            if held.shape[-1] < FADE:
                continue
            if before is not None:
                held = np.concatenate([before + rise * (held[:, :FADE] - before), held[:, FADE:]], axis=1)
                before = None
            yield held[:, :-FADE]
            held = held[:, -FADE:]
        tail = held
    if tail is not None:
        yield tail
