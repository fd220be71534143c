"""How training segments are varied, so that a model hears more than its corpus: level, brightness, room, mastering, ending.

The input alone also gets the noise of a room and a microphone: the network learns to tell sound from noise, and
`model.noise_floor` continues the noise above the cutoff.
"""

import numpy as np
from scipy import signal

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.noise_floor import measure_floor, without_floor
from saga_kedro.parameters import Vary
from saga_kedro.training.mastering import equalised, mastered

HISS_PIVOT_HZ = 100.0  # under it the spectrum of a hiss is flat
TILT_PIVOT_HZ = 2_000.0  # over it a segment is brightened
ENDINGS_HZ = (15_000.0, 20_500.0)  # where encoders cut
DECAY_S = (0.15, 1.2)  # of a room, to -60 dB
ROOM_DB = (-24.0, -6.0)  # of a room's sound under the direct sound


def varied(audio: np.ndarray, vary: Vary, source: np.random.Generator, category: str = "other") -> np.ndarray:
    """A segment with another brightness, room and level, and without its own noise floor.

    float32 [channels, samples] at 44.1 kHz; identical channels stay identical. Speech is tilted by ``speech_tilt_db``; music
    alone is mastered, instead of tilted. Brightening keeps the peak, and mastering makes it 1; a gain that would exceed full
    scale is reduced to it.
    """
    tilts_db = vary.speech_tilt_db if category == "speech" else vary.tilt_db
    tilt_db, gain_db = source.uniform(*tilts_db), source.uniform(-vary.gain_db, vary.gain_db)
    in_a_room, ends = source.uniform() < vary.room, source.uniform() < vary.ending
    ending_hz, decay_s, room_db = source.uniform(*ENDINGS_HZ), source.uniform(*DECAY_S), source.uniform(*ROOM_DB)
    is_mastered = category == "music" and source.uniform() < vary.master
    if vary.denoise:
        audio = denoised(audio)
    peak = float(np.abs(audio).max(initial=0.0))
    if not peak:
        return audio.astype(np.float32, copy=False)
    if in_a_room:
        audio = audio + reverberation(audio, decay_s, source) * 10 ** (room_db / 20)
    if is_mastered:
        audio, tilt_db, peak = mastered(audio, source), 0.0, 1.0
    if tilt_db or ends:
        audio = tilted(audio, tilt_db, TILT_PIVOT_HZ, ending_hz if ends else None)
    if tilt_db or in_a_room or is_mastered:
        audio = audio * (peak / np.abs(audio).max())
    if vary.gain_db:
        audio = audio * np.float32(min(10 ** (gain_db / 20), max(1.0, 1 / peak)))
    return audio.astype(np.float32, copy=False)


def hissing(audio: np.ndarray, vary: Vary, source: np.random.Generator) -> np.ndarray:
    """The segment with a noise floor: a room's noise, which falls with frequency, and a microphone's, which hardly does."""
    hisses = source.uniform() < vary.hiss
    slopes_db = source.uniform(-vary.room_slope_db, 0), source.uniform(-vary.microphone_slope_db, vary.microphone_slope_db)
    levels_db = source.uniform(vary.hiss_minimum_db, vary.hiss_maximum_db, size=len(slopes_db))
    if hisses:
        for slope_db, level_db in zip(slopes_db, levels_db, strict=True):
            audio = audio + coloured_noise(_independent(audio), audio.shape[-1], slope_db, source) * 10 ** (level_db / 20)
    return audio.astype(np.float32, copy=False)


def denoised(audio: np.ndarray) -> np.ndarray:
    """[channels, samples] without its own noise floor, each channel separately."""
    if _independent(audio) == 1:
        return np.broadcast_to(_without_own_floor(audio[0]), audio.shape)
    return np.stack([_without_own_floor(channel) for channel in audio])


def _without_own_floor(channel: np.ndarray) -> np.ndarray:
    floor = measure_floor(channel, SAMPLE_RATE / 4)
    return channel if floor is None else without_floor(channel, floor)


def tilted(audio: np.ndarray, slope_db: float, pivot_hz: float, ending_hz: float | None = None) -> np.ndarray:
    """[channels, samples], raised by ``slope_db`` an octave above ``pivot_hz``, and with nothing above ``ending_hz``."""

    def gain(hertz: np.ndarray) -> np.ndarray:
        tilt = np.maximum(hertz / pivot_hz, 1.0) ** (slope_db / (20 * np.log10(2)))
        return tilt if ending_hz is None else tilt * np.clip((ending_hz - hertz) / 200.0, 0, 1)

    return equalised(audio, gain)


def reverberation(audio: np.ndarray, decay_s: float, source: np.random.Generator) -> np.ndarray:
    """A room's answer at the audio's own level: noise that decays by 60 dB in ``decay_s``, and faster in its highs."""
    channels, samples = _independent(audio), int(decay_s * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    noise = source.standard_normal((2, channels, samples)) * 10 ** (-3 * time / decay_s)
    noise[0] = tilted(noise[0], -6.0, 1_000.0)
    noise[1] *= 10 ** (-6 * time / decay_s) * 0.3
    answer = signal.oaconvolve(audio, noise.sum(axis=0), mode="full", axes=-1)[:, : audio.shape[-1]]
    return answer * np.sqrt(np.mean(audio**2) / max(np.mean(answer**2), 1e-20))


def coloured_noise(channels: int, samples: int, slope_db: float, source: np.random.Generator) -> np.ndarray:
    """Gaussian noise of root mean square 1, [channels, samples]; its spectrum rises by ``slope_db`` an octave above 100 Hz."""
    noise = tilted(source.standard_normal((channels, samples), dtype=np.float32), slope_db, HISS_PIVOT_HZ)
    return noise / np.sqrt(np.mean(noise**2))


def _independent(audio: np.ndarray) -> int:
    """1 where all channels are the same, and must stay so, else their number."""
    return 1 if (audio == audio[:1]).all() else len(audio)
