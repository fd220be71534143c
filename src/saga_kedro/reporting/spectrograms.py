"""Spectrograms of one clip's input, output, reference and other systems, on one colour scale."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Picture

from saga_kedro.audio.spectra import hann
from saga_kedro.reporting.figures import new_picture

WINDOW, HOP = 2048, 512
MAXIMUM_COLUMNS = 600
RANGE_DB = 90.0  # from the loudest point to the darkest colour


def spectrogram_db(audio: np.ndarray) -> np.ndarray:
    """Levels of float [channels, samples] or [samples] (the mean of its channels) in dB: float32 [1025, frames].

    A sine at full scale (1) is 0 dB, digital silence -200. Frames are Hann windows of 2,048 every 512 samples.
    """
    mono = np.atleast_2d(np.asarray(audio, np.float32)).mean(axis=0)
    mono = np.pad(mono, (0, max(0, WINDOW - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[::HOP]
    weights = hann(WINDOW)
    magnitude = np.abs(np.fft.rfft(frames * weights, axis=1)) * (2 / weights.sum())
    return (20 * np.log10(np.maximum(magnitude, 1e-10))).T.astype(np.float32)


def spectrogram_figure(
    sounds: Mapping[str, np.ndarray], sample_rate: int, cutoff_hz: float | None = None, title: str = ""
) -> Picture:
    """A panel for each sound, all on the scale of ``reference``, or of the loudest if there is none.

    ``sounds`` are titles of panels -> float [channels, samples]; a dashed line marks ``cutoff_hz``.
    """
    levels = {name: spectrogram_db(audio) for name, audio in sounds.items()}
    measure = levels["reference"] if "reference" in levels else np.concatenate([level.ravel() for level in levels.values()])
    finite = measure[np.isfinite(measure)]
    top = max(float(finite.max()) if finite.size else 0.0, -120.0)
    picture = new_picture((6.4, 1.15 + 1.55 * len(levels)))
    panels = picture.subplots(len(levels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, level) in zip(panels, levels.items(), strict=True):
        step = max(1, -(-level.shape[1] // MAXIMUM_COLUMNS))
        # a column of the picture shows the loudest of its frames, so that onsets do not vanish
        padded = np.pad(level, ((0, 0), (0, -level.shape[1] % step)), mode="edge")
        shown = padded.reshape(level.shape[0], -1, step).max(axis=2)
        seconds = np.atleast_2d(sounds[name]).shape[1] / sample_rate
        options: dict[str, Any] = {"origin": "lower", "aspect": "auto", "cmap": "magma", "interpolation": "nearest"}
        extent = (0.0, seconds, 0.0, sample_rate / 2000)
        image = axes.imshow(shown, vmin=top - RANGE_DB, vmax=top, extent=extent, **options)
        if cutoff_hz:
            axes.axhline(cutoff_hz / 1000, color="white", linestyle="--", linewidth=0.9)
        axes.set_ylabel("kHz")
        axes.set_title(name, loc="left", fontsize=9)
    panels[-1].set_xlabel("seconds")
    if title:
        picture.suptitle(title, fontsize=10)
    picture.colorbar(image, ax=list(panels), label="dB, 0 = sine at full scale", fraction=0.04, pad=0.01)
    return picture
