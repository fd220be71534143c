"""Music-like sound: chords, a bass, a plucked tune, drums and hi-hats."""

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.corpora.synthesis.sources import BINS_HZ, add_at, envelope, harmonics, noise, room, shape

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
PROGRESSIONS = ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 0, 4), (1, 4, 0, 0))


def music(rng: np.random.Generator, piece: np.random.Generator, samples: int) -> np.ndarray:
    """An excerpt (where it enters, the tune, who rests) of one piece (key, tempo, chords, brightness, drums, room)."""
    key, scale = 55.0 * 2 ** (piece.integers(12) / 12), MAJOR if piece.random() < 0.6 else MINOR
    beat_s, progression = 60 / piece.uniform(80, 150), PROGRESSIONS[piece.integers(len(PROGRESSIONS))]
    pad_brightness, pluck_brightness = piece.uniform(0.6, 0.85), piece.uniform(0.85, 0.96)
    pluck_decay_s, hat_level, snare_hz = piece.uniform(0.3, 1.2), piece.uniform(0.05, 0.25), piece.uniform(160, 240)
    hat_cutoff_hz, width, drums = piece.uniform(3_000, 7_000), piece.uniform(0.2, 0.9), piece.random() < 0.75
    decay_s, wet = piece.uniform(0.3, 1.0), piece.uniform(0.05, 0.3)

    def tone(degree: int, octave: int) -> float:
        return key * 2 ** (octave + degree // 7 + scale[degree % 7] / 12)

    mix = np.zeros((2, samples), dtype=np.float32)
    hat = _hat(rng, hat_cutoff_hz)
    bar, step = int(4 * beat_s * SAMPLE_RATE), int(beat_s / 2 * SAMPLE_RATE)
    pads, tune = rng.random() < 0.8, rng.random() < 0.85
    for number, start in enumerate(range(0, samples, bar)):
        root = progression[(number + rng.integers(4) * (number == 0)) % 4]
        if pads:
            for place, degree in zip((-width, 0.0, width), (root, root + 2, root + 4), strict=True):
                add_at(mix, 0.12 * _pad(tone(degree, 2), bar, pad_brightness), start, place)
        for eighth in range(8):
            at = start + eighth * step
            if at >= samples:
                break
            loud = rng.uniform(0.6, 1.0)
            if eighth % 4 == 0 or rng.random() < 0.2:
                add_at(mix, 0.3 * loud * _pluck(tone(root, 0), 2 * step, 0.7, 0.9), at)
            if tune and rng.random() < 0.6:
                degree = root + rng.choice([0, 2, 4, 5, 7])
                sound = _pluck(tone(degree, 3), 3 * step, pluck_brightness * (0.85 + 0.15 * loud), pluck_decay_s)
                add_at(mix, 0.2 * loud * sound, at, width * rng.uniform(-1, 1))
            if drums:
                add_at(mix, hat_level * loud * hat[: len(hat) if eighth % 4 == 2 else len(hat) // 3], at, 0.3 * width)
                if eighth in (0, 4):
                    add_at(mix, 0.7 * loud * _kick(), at)
                if eighth in (2, 6):
                    add_at(mix, 0.35 * loud * _snare(rng, snare_hz), at, -0.1)
    return room(rng, mix, decay_s, wet)


def _pad(f0: float, samples: int, brightness: float) -> np.ndarray:
    time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    sound = harmonics(f0 * (1 + 0.003 * np.sin(2 * np.pi * 5 * time)), brightness)
    return sound * np.minimum(1, time / 0.15) * np.minimum(1, time[::-1] / 0.1)


def _pluck(f0: float, samples: int, brightness: float, decay_s: float) -> np.ndarray:
    """A string, whose higher harmonics die sooner."""
    time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    damping = np.exp(np.float32(-0.12 / decay_s) * time * min(f0 / 220, 4))
    return harmonics(np.full(samples, f0), brightness * damping) * envelope(samples, 0.002, 2 * decay_s)


def _hat(rng: np.random.Generator, cutoff_hz: float) -> np.ndarray:
    samples = int(0.25 * SAMPLE_RATE)
    octaves = np.log2(np.maximum(BINS_HZ, 50) / cutoff_hz)
    gains = 10 ** (np.where(octaves < 0, 14 * octaves, -1.5 * octaves) / 20)
    return shape(noise(rng, samples), gains[None]) * envelope(samples, 0.001, 0.3)


def _kick() -> np.ndarray:
    samples = int(0.25 * SAMPLE_RATE)
    time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    pitch = 50 + 130 * np.exp(-time / 0.03)
    return harmonics(pitch, 0.55 * np.exp(-time / 0.02), 6_000) * envelope(samples, 0.001, 0.3)


def _snare(rng: np.random.Generator, pitch: float) -> np.ndarray:
    samples = int(0.2 * SAMPLE_RATE)
    body = harmonics(np.full(samples, pitch), 0.4) * envelope(samples, 0.001, 0.15)
    return 0.5 * body + 0.6 * noise(rng, samples, -1.5) * envelope(samples, 0.001, 0.2)
