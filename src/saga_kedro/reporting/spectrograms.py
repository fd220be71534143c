"""Spectrograms of one clip's input, output, reference and other systems, on one colour scale, the cutoff marked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure as Picture

from saga_kedro.audio.spectra import hann
from saga_kedro.reporting.figures import new_picture

WINDOW = 2048
HOP = 512
MAXIMUM_COLUMNS = 600


def spectrogram_db(audio: np.ndarray, window: int = WINDOW, hop: int = HOP) -> np.ndarray:
    """Level over time and frequency of the channel mean.

    Args:
        audio: float [channels, samples] or [samples], full scale 1.
        window: Hann window and FFT length in samples.
        hop: in samples.

    Returns:
        float32 [window // 2 + 1, frames] in dB; 0 dB is a sine of full scale, digital silence is -200.
    """
    mono = np.atleast_2d(np.asarray(audio, np.float32)).mean(axis=0)
    if len(mono) < window:
        mono = np.pad(mono, (0, window - len(mono)))
    frames = np.lib.stride_tricks.sliding_window_view(mono, window)[::hop]
    weights = hann(window)
    magnitude = np.abs(np.fft.rfft(frames * weights, axis=1)) * (2 / weights.sum())
    return (20 * np.log10(np.maximum(magnitude, 1e-10))).T.astype(np.float32)


def spectrogram_figure(
    sounds: Mapping[str, np.ndarray], sample_rate: int, cutoff_hz: float | None = None, title: str = "", range_db: float = 90.0
) -> Picture:
    """One panel a sound, all on the scale of the reference (or of the loudest, where none is called ``reference``).

    Args:
        sounds: title of the panel -> float [channels, samples], in the order to show.
        sample_rate: in Hz, of every sound.
        cutoff_hz: where the input ends; a dashed line in every panel.
        title: of the figure.
        range_db: from the loudest point that is shown down to the darkest colour.

    Raises:
        ValueError: there is nothing to show.
    """
    if not sounds:
        raise ValueError("a spectrogram figure needs at least one sound; none was given")
    levels = {name: spectrogram_db(audio) for name, audio in sounds.items()}
    measure = levels["reference"] if "reference" in levels else np.concatenate([level.ravel() for level in levels.values()])
    finite = measure[np.isfinite(measure)]
    top = max(float(finite.max()) if finite.size else 0.0, -120.0)
    picture = new_picture((6.4, 1.15 + 1.55 * len(levels)))
    panels = picture.subplots(len(levels), 1, sharex=True, squeeze=False)[:, 0]
    image = None
    for axes, (name, level) in zip(panels, levels.items(), strict=True):
        step = max(1, -(-level.shape[1] // MAXIMUM_COLUMNS))
        # a column of the picture shows the loudest of its frames, so that onsets do not vanish
        padded = np.pad(level, ((0, 0), (0, -level.shape[1] % step)), mode="edge")
        shown = padded.reshape(level.shape[0], -1, step).max(axis=2)
        seconds = np.atleast_2d(sounds[name]).shape[1] / sample_rate
        image = axes.imshow(
            shown,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=top - range_db,
            vmax=top,
            extent=(0.0, seconds, 0.0, sample_rate / 2000),
            interpolation="nearest",
        )
        if cutoff_hz:
            axes.axhline(cutoff_hz / 1000, color="white", linestyle="--", linewidth=0.9)
        axes.set_ylabel("kHz")
        axes.set_title(name, loc="left", fontsize=9)
    panels[-1].set_xlabel("seconds")
    if title:
        picture.suptitle(title, fontsize=10)
    if image is not None:
        picture.colorbar(image, ax=list(panels), label="dB, 0 = sine at full scale", fraction=0.04, pad=0.01)
    return picture
