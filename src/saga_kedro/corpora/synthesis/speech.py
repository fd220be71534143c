"""Speech-like sound: glottal pulses through moving formants, fricative bursts, pauses."""

import numpy as np

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.corpora.synthesis.sources import BINS_HZ, HOP, add_at, frames_of, harmonics, noise, room, shape, to_samples

VOWELS_HZ = np.array(
    [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410), (490, 1350, 1690)]
)
FRAME_S = HOP / SAMPLE_RATE


def speech(rng: np.random.Generator, speaker: np.random.Generator, samples: int) -> np.ndarray:
    """A few phrases of one speaker (pitch, size of the vocal tract, breath, sharpness of the fricatives, place in the room)."""
    pitch = np.exp(speaker.uniform(np.log(90), np.log(240)))
    tract = 0.8 + 0.4 * (np.log(pitch / 90) / np.log(240 / 90)) + speaker.uniform(-0.06, 0.06)
    breath, hiss_hz = speaker.uniform(0.02, 0.08), speaker.uniform(4_500, 8_000)
    slope, pace = speaker.uniform(-1.5, 1.5), speaker.uniform(0.8, 1.25)
    place, decay_s, wet = speaker.uniform(-0.3, 0.3), speaker.uniform(0.15, 0.5), speaker.uniform(0.05, 0.25)

    tracks = _articulate(rng, frames_of(samples), pace)
    f0 = pitch * to_samples(tracks["intonation"], samples)
    glottal = harmonics(f0, 0.93) * to_samples(tracks["voice"], samples)
    glottal += breath * noise(rng, samples) * to_samples(tracks["voice"], samples)
    voiced = shape(glottal, _formants(tracks["formants"] * tract, tract, slope))
    hissed = noise(rng, samples) * to_samples(tracks["hiss"], samples)
    hissed = shape(hissed, _fricative(tracks["hiss_pitch"] * hiss_hz))
    mix = np.zeros((2, samples), dtype=np.float32)
    add_at(mix, voiced + hissed, 0, place)
    return room(rng, mix, decay_s, wet)


def _articulate(rng: np.random.Generator, frames: int, pace: float) -> dict[str, np.ndarray]:
    """Control tracks, one value a frame: loudness of voice and hiss, intonation, formants [frames, 3], pitch of the hiss."""
    voice, hiss = np.zeros(frames), np.zeros(frames)
    intonation, hiss_pitch = np.ones(frames), np.ones(frames)
    formants = np.tile(VOWELS_HZ[0].astype(float), (frames, 1))
    at, phrase_start = int(rng.uniform(0.05, 0.3) / FRAME_S), 0
    while at < frames:
        kind = rng.choice(["fricative", "plosive", "none"], p=[0.4, 0.25, 0.35])
        length = int({"fricative": rng.uniform(0.06, 0.16), "plosive": 0.015, "none": 0.0}[kind] / pace / FRAME_S)
        hiss[at : at + length] = rng.uniform(0.3, 0.9)
        hiss_pitch[at : at + length + 4] = rng.choice([0.55, 1.0, 1.25])
        at += length
        length = int(rng.uniform(0.09, 0.26) / pace / FRAME_S)
        voice[at : at + length] = rng.uniform(0.5, 1.0)
        hiss[at : at + length] *= 0.2
        formants[at : at + length] = VOWELS_HZ[rng.integers(len(VOWELS_HZ))]
        phrase = (at - phrase_start) * FRAME_S
        intonation[at : at + length] = rng.uniform(0.92, 1.15) * 2 ** (-0.12 * phrase)
        at += length
        if rng.random() < 0.14:
            at += int(rng.uniform(0.2, 0.6) / FRAME_S)
            phrase_start = at
    smooth = np.hanning(9) / np.hanning(9).sum()
    slow = np.hanning(17) / np.hanning(17).sum()
    return {
        "voice": np.convolve(voice, smooth, "same"),
        "hiss": np.convolve(hiss, np.hanning(5) / np.hanning(5).sum(), "same"),
        "intonation": _convolve_held(intonation, slow),
        "hiss_pitch": _convolve_held(hiss_pitch, smooth),
        "formants": np.stack([_convolve_held(track, slow) for track in formants.T], axis=1),
    }


def _convolve_held(track: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Smooth a track; its first and last value are repeated beyond its ends."""
    half = len(kernel) // 2
    return np.convolve(np.pad(track, half, mode="edge"), kernel, "valid")


def _formants(formants: np.ndarray, tract: float, slope: float) -> np.ndarray:
    """Gains [frames, 513]: three moving resonances and seven fixed higher ones, each weaker than the one before."""
    still = tract * np.array([3_500, 4_600, 6_200, 8_300, 10_800, 13_800, 17_000])
    centres = np.concatenate([formants, np.tile(still, (len(formants), 1))], axis=1).astype(np.float32)
    gains = np.zeros((len(formants), len(BINS_HZ)), dtype=np.float32)
    for number in range(centres.shape[1]):
        centre = centres[:, number, None]
        width = 60 + 0.08 * centre
        level = (500 / centre) ** np.float32(0.7)
        gains += level / np.sqrt(1 + ((BINS_HZ - centre) / width) ** 2)
    octaves = np.log2(np.maximum(BINS_HZ, 100) / 1_000)
    return gains * 10 ** (slope * octaves / 20)


def _fricative(centre: np.ndarray) -> np.ndarray:
    """Gains [frames, 513]: a hump about the centre with skirts of 9 dB an octave below it and 5 above."""
    octaves = np.log2(np.maximum(BINS_HZ, 50)[None] / centre[:, None]).astype(np.float32)
    return 0.35 * 10 ** (np.where(octaves < 0, 9, -5) * octaves / 20)
