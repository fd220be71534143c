"""Effect-like sound: impacts, sweeps, chirps, bubbles and noise textures."""

from collections.abc import Callable

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.corpora.synthesis.sources import TOP_HZ, add_at, envelope, harmonics, noise, room, to_samples


def effects(rng: np.random.Generator, kit: np.random.Generator, samples: int) -> np.ndarray:
    """A scene of two kinds of events over a texture, made with one kit (material of impacts, slope of noise, room)."""
    material, slope = kit.uniform(0.2, 1.0), kit.uniform(-6.0, -1.0)
    width, decay_s, wet = kit.uniform(0.1, 1.0), kit.uniform(0.2, 1.0), kit.uniform(0.05, 0.35)
    mix = np.zeros((2, samples), dtype=np.float32)
    if rng.random() < 0.6:
        mix += 10 ** (rng.uniform(-30, -12) / 20) * _texture(rng, samples, slope, width)
    events: list[Callable[[], np.ndarray]] = [
        lambda: _impact(rng, material),
        lambda: _sweep(rng),
        lambda: _chirp(rng),
        lambda: _bubble(rng),
        lambda: _burst(rng, slope),
    ]
    for number in rng.choice(len(events), 2, replace=False):
        at = min(rng.exponential(0.3), samples / SAMPLE_RATE / 2)  # even the shortest clip has an event
        while at * SAMPLE_RATE < samples:
            loud = 0.4 * 10 ** (rng.uniform(-15, 0) / 20)
            add_at(mix, loud * events[number](), int(at * SAMPLE_RATE), width * rng.uniform(-1, 1))
            at += rng.exponential(0.25) + {0: 0.3, 1: 0.8, 2: 0.25, 3: 0.05, 4: 0.3}[int(number)]
    return room(rng, mix, decay_s, wet)


def _impact(rng: np.random.Generator, material: float) -> np.ndarray:
    """A struck body (wood: material near 0; metal: near 1): a click, and modes that die sooner the higher they are."""
    samples = int((0.2 + 0.8 * material) * SAMPLE_RATE)
    time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
    lowest = rng.uniform(150, 900)
    modes = (lowest * np.cumsum(rng.uniform(0.6, 1.6, 24))).astype(np.float32)
    modes = modes[modes < TOP_HZ, None]
    decays = (0.15 + 1.2 * material) / (1 + modes / (600 + 5_000 * material))
    levels = (modes / modes[0]) ** np.float32(-0.6 + 0.3 * material)
    sound = (levels * np.exp(-6.9 * time / decays) * np.sin(2 * np.pi * modes * time)).sum(axis=0)
    click = noise(rng, samples, -2.0) * envelope(samples, 0.0005, 0.02)
    return (0.4 * sound + 0.6 * click) * envelope(samples, 0.0005, 10.0)


def _sweep(rng: np.random.Generator) -> np.ndarray:
    samples = int(rng.uniform(0.4, 1.2) * SAMPLE_RATE)
    start, end = np.exp(rng.uniform(np.log(80), np.log(1_200), 2))
    return harmonics(np.geomspace(start, end, samples), rng.uniform(0.7, 0.95)) * np.hanning(samples).astype(np.float32)


def _chirp(rng: np.random.Generator) -> np.ndarray:
    """A bird: a fast glide of a few harmonics, with a little breath."""
    samples = int(rng.uniform(0.06, 0.25) * SAMPLE_RATE)
    time = np.linspace(0, 1, samples)
    pitch = rng.uniform(1_200, 3_500) * 2 ** (
        rng.uniform(-0.5, 0.5) * time + 0.1 * np.sin(2 * np.pi * rng.uniform(2, 8) * time)
    )
    return (harmonics(pitch, rng.uniform(0.3, 0.7)) + 0.05 * noise(rng, samples)) * np.hanning(samples).astype(np.float32)


def _bubble(rng: np.random.Generator) -> np.ndarray:
    """A bubble's pitch rises as it dies."""
    samples = int(rng.uniform(0.03, 0.12) * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    pitch = rng.uniform(400, 1_800) * (1 + rng.uniform(2, 6) * time)
    return harmonics(pitch, 0.45) * envelope(samples, 0.001, 0.06)


def _burst(rng: np.random.Generator, slope: float) -> np.ndarray:
    """Steps, leaves, steam: noise that comes and goes."""
    samples = int(rng.uniform(0.05, 0.5) * SAMPLE_RATE)
    return noise(rng, samples, slope + rng.uniform(-1, 1)) * envelope(samples, rng.uniform(0.002, 0.05), rng.uniform(0.1, 0.6))


def _texture(rng: np.random.Generator, samples: int, slope: float, width: float) -> np.ndarray:
    """Wind, rain, a crowd: noise whose loudness wanders."""
    steps = int(samples / SAMPLE_RATE * rng.uniform(1, 8)) + 2
    wander = np.interp(np.linspace(0, steps - 1, samples // 256 + 2), np.arange(steps), rng.uniform(-9, 3, steps))
    middle, side = noise(rng, samples, slope), noise(rng, samples, slope)
    both = np.stack([middle + width * side, middle - width * side]) / np.sqrt(1 + width**2)
    return both * to_samples(10 ** (wander / 20), samples)
