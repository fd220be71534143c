"""A caption without weights: what can be heard below 2 kHz, the lowest cutoff of a low-pass, in one English sentence.

So it cannot tell the model how dull its input is. All is relative to the clip's own level, so gain does not matter either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import maximum_filter1d

from saga_kedro.audio.spectra import hann

Array = NDArray[np.float32]
Kind = Literal["silence", "speech", "music", "percussion", "tone", "noise", "hit"]

RATE = 4_000  # what is analysed: content below 2 kHz
PASS_BAND_HZ = (40, 60, 1_700, 1_800)  # gain 0, 1, 1, 0: under the steepest slope of a 2 kHz low-pass
FRAME, HOP = 256, 64  # 64 ms every 16 ms
FRAME_RATE = RATE / HOP
PITCH_HZ = (60, 500)
FINER_LAGS = 4
VOICED = 0.75  # height of the autocorrelation's peak
ONSET_DB = 4.0  # mean rise over the bands within RISE frames
RISE = 3  # frames, 48 ms
BAND_EDGES_HZ = np.geomspace(80, 1_600, 13)
BAND_DEPTH_DB = 45.0  # anything further below the loudest band is ignored: noise floors differ, sounds should not
ACTIVE_DB = 30.0  # frames within this of the loud ones are part of the sound
PAUSE_DB = 25.0
SILENT_DBFS = -90.0
BEAT_SECONDS = (0.25, 1.5)
NOISE_DB = 9.0  # less tonality is noise


@dataclass(frozen=True)
class Descriptors:
    """What is measured, below 2 kHz, over the whole excerpt."""

    kind: Kind  # what it resembles most, see `_kind`
    voicedness: float  # share of the sounding frames with a clear period, 0 to 1
    pitch_hz: float  # median of the period's frequency in voiced frames, 60 to 500; 0 without any
    pitch_spread: float  # distance of its quartiles, in semitones
    pitch_glide: float  # share of voiced steps that neither hold the pitch nor jump: 0.25 to 2.5 semitones in 16 ms
    tonality: float  # how far the spectrum is from flat, in dB; noise about 5, a single note over 20
    spectral_change: float  # mean change of the band levels, apart from loudness, in dB over 96 ms; speech over 5.5, music 3
    onset_rate: float  # onsets a second
    beat: float  # height of the onsets' autocorrelation peak, 0 to 1
    beat_seconds: float  # where that peak lies
    dynamics_db: float  # 95th percentile less median of the frames' level
    pauses: float  # share of the frames more than 25 dB under the loud ones
    width_db: float  # energy of the side against all of it; mono is -90


SILENCE = Descriptors("silence", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, -90)


def caption(audio: Array, rate: int) -> str:
    """One English sentence about ``audio``, float32 [channels, samples], at ``rate`` Hz; at most 32 of MiniLM's tokens."""
    return sentence(describe(audio, rate))


def describe(audio: Array, rate: int) -> Descriptors:
    """Measure a few seconds of audio, float32 [channels, samples] in [-1, 1]. Raises ValueError if there are no samples."""
    if audio.shape[-1] == 0:
        raise ValueError("An excerpt without samples cannot be described.")
    low = below_2_khz(audio, rate)
    mid = low.mean(axis=0)
    power = _power_spectra(mid)
    level = 10 * np.log10(power.sum(axis=1) * 4 / FRAME**2 + 1e-12)
    loud = float(np.percentile(level, 95))
    if loud < SILENT_DBFS:
        return SILENCE
    active = level > loud - ACTIVE_DB

    pitch, strength = _pitch(power)
    voiced = active & (strength > VOICED)
    semitones = 12 * np.log2(pitch / PITCH_HZ[0])
    steps = np.abs(np.diff(semitones))[voiced[1:] & voiced[:-1]]

    bands = _band_levels(power)
    rises = _rises(bands)
    seconds = max(mid.size / RATE, FRAME / RATE)
    beat, beat_seconds = _beat(rises)
    measured = Descriptors(
        kind="noise",
        voicedness=float(voiced.sum() / active.sum()),
        pitch_hz=float(np.median(pitch[voiced])) if voiced.any() else 0.0,
        pitch_spread=_quartile_distance(semitones[voiced]),
        pitch_glide=float(np.mean((steps >= 0.25) & (steps < 2.5))) if steps.size else 0.0,
        tonality=_tonality(mid),
        spectral_change=_spectral_change(bands, active),
        onset_rate=_onsets(rises) / seconds,
        beat=beat,
        beat_seconds=beat_seconds,
        dynamics_db=loud - float(np.median(level)),
        pauses=float(np.mean(level < loud - PAUSE_DB)),
        width_db=_width(low),
    )
    return replace(measured, kind=_kind(measured))


def below_2_khz(audio: Array, rate: int) -> Array:
    """The content between 50 and 1,750 Hz, [channels, samples * 4,000 / rate]: the spectrum is cut, without a transition."""
    samples = audio.shape[-1]
    common = int(np.gcd(rate, RATE))
    block_in, block_out = rate // common, RATE // common
    # a margin of zeros, since the transform is circular
    blocks = fft.next_fast_len(-(-(samples + rate // 20) // block_in), real=True)
    spectrum = fft.rfft(audio.astype(np.float32, copy=False), blocks * block_in)[:, : blocks * block_out // 2 + 1]
    hertz = np.arange(spectrum.shape[-1]) * rate / (blocks * block_in)
    gain = np.interp(hertz, PASS_BAND_HZ, (0, 1, 1, 0)).astype(np.float32)
    low = fft.irfft(spectrum * gain, blocks * block_out) * np.float32(block_out / block_in)
    return low[:, : max(1, round(samples * RATE / rate))]


def _frames(signal: Array, length: int, hop: int) -> Array:
    """[frames, length], Hann-windowed."""
    padded = np.pad(signal, (0, max(0, length - signal.size)))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop] * hann(length)


def _power_spectra(signal: Array) -> Array:
    """[frames, FRAME + 1]: zero-padded to twice the frame, so that its inverse is the linear autocorrelation."""
    return np.abs(fft.rfft(_frames(signal, FRAME, HOP), 2 * FRAME)) ** 2


def _pitch(power: Array) -> tuple[Array, Array]:
    """Per frame, the frequency of the strongest period in Hz and its strength, 0 to about 1."""
    # Boersma 1993, Accurate short-term analysis of the fundamental frequency: eq. 9; long lags cost a little (eq. 23)
    size, rate = 2 * FRAME * FINER_LAGS, RATE * FINER_LAGS
    autocorrelation = fft.irfft(power, size)[:, : size // 4]
    window = fft.irfft(np.abs(fft.rfft(hann(FRAME), 2 * FRAME)) ** 2, size)[: size // 4]
    normalised = autocorrelation / (autocorrelation[:, :1] + 1e-12) / (window / window[0])
    lags = np.arange(rate // PITCH_HZ[1], rate // PITCH_HZ[0] + 1)
    before, here, after = (normalised[:, lags + shift] for shift in (-1, 0, 1))
    height = np.where((here > before) & (here >= after), here - 0.02 * np.log2(lags / lags[0]), -1)
    best = height.argmax(axis=1)
    left, centre, right = (values[np.arange(len(best)), best] for values in (before, here, after))
    shift = np.clip((left - right) / (2 * (left - 2 * centre + right) - 1e-9), -0.5, 0.5)
    found = height[np.arange(len(best)), best] > -1
    return rate / (lags[best] + shift), np.where(found, centre - 0.25 * (left - right) * shift, 0)


def _band_levels(power: Array) -> Array:
    """[frames, 12] in dB, nothing lower than BAND_DEPTH_DB under the loudest band."""
    edges = np.round(BAND_EDGES_HZ * 2 * FRAME / RATE).astype(int)
    levels = 10 * np.log10(np.add.reduceat(power, edges, axis=1)[:, :-1] + 1e-12)
    return np.maximum(levels, np.percentile(levels.max(axis=1), 95) - BAND_DEPTH_DB)


def _rises(bands: Array) -> Array:
    """[frames], onset strength: how much the bands rise within RISE frames, mean in dB; 0 in the first RISE frames."""
    rises = np.zeros(len(bands), dtype=np.float32)
    rises[RISE:] = np.maximum(bands[RISE:] - bands[:-RISE], 0).mean(axis=1)
    return rises


def _onsets(rises: Array) -> int:
    """Peaks of the onset strength: the highest within 64 ms to either side, over ONSET_DB and well over the usual."""
    peaks = (rises == maximum_filter1d(rises, 9)) & (rises > max(ONSET_DB, 1.5 * float(np.median(rises))))
    return int(np.sum(peaks[1:] & ~peaks[:-1]))  # a plateau is one onset


def _beat(rises: Array) -> tuple[float, float]:
    """Height of the highest peak of the onset strength's autocorrelation between 0.25 and 1.5 s, and its lag in seconds."""
    centred = rises - rises.mean()
    size = len(centred)
    first, last = (round(seconds * FRAME_RATE) for seconds in BEAT_SECONDS)
    last = min(last, size - 1)
    if last <= first:
        return 0.0, 0.0
    autocorrelation = fft.irfft(np.abs(fft.rfft(centred, 2 * size)) ** 2, 2 * size)[:size]
    unbiased = autocorrelation / (autocorrelation[0] + 1e-9) / np.maximum(1 - np.arange(size) / size, 0.3)
    best = first + int(unbiased[first:last].argmax())
    return float(np.clip(unbiased[best], 0, 1)), best / FRAME_RATE


def _tonality(signal: Array) -> float:
    """Arithmetic over geometric mean of the power between 80 and 1,600 Hz, in dB: median over sounding frames of 256 ms."""
    length = 1024
    power = np.abs(fft.rfft(_frames(signal, length, length // 4))) ** 2
    level = 10 * np.log10(power.sum(axis=1) + 1e-12)
    part = power[level > level.max() - ACTIVE_DB, round(80 * length / RATE) : round(1_600 * length / RATE)] + 1e-12
    return float(np.median(10 * np.log10(part.mean(axis=1)) - 10 * np.log10(part).mean(axis=1)))


def _spectral_change(bands: Array, active: NDArray[np.bool_]) -> float:
    shape = bands - bands.mean(axis=1, keepdims=True)
    later = active[2 * RISE :]
    if not later.any():
        return 0.0
    return float(np.abs(shape[2 * RISE :] - shape[: -2 * RISE]).mean(axis=1)[later].mean())


def _width(low: Array) -> float:
    if len(low) < 2:
        return -90.0
    side = float(np.mean(((low[0] - low[1]) / 2) ** 2))
    mid = float(np.mean(((low[0] + low[1]) / 2) ** 2))
    return max(-90.0, 10 * float(np.log10(side / (side + mid + 1e-20) + 1e-20)))


def _quartile_distance(values: Array) -> float:
    if values.size < 4:
        return 0.0
    low, high = np.percentile(values, (25, 75))
    return float(high - low)


def _kind(d: Descriptors) -> Kind:
    """By thresholds between the classes of two hours of free audio from Debian packages, with a view to the demo corpus."""
    if _speaks(d):
        return "speech"
    if d.beat > 0.4 and d.onset_rate > 1.5 and d.voicedness < 0.3:
        return "percussion"
    if d.dynamics_db > 12:
        return "hit" if d.onset_rate < 1.5 or d.pauses > 0.4 else "music"
    if d.voicedness < 0.15 and d.tonality < NOISE_DB:
        return "noise"
    if d.pitch_spread < 0.05 and d.voicedness > 0.9:
        return "tone"
    return "music"


def _speaks(d: Descriptors) -> bool:
    """Speech in one of three ways: its spectrum changes its shape fast; separate words; a voiced, moving pitch with pauses."""
    if d.pitch_hz > 330:
        return False
    changing = d.spectral_change > 5.5 and d.onset_rate > 0.2 and d.voicedness > 0.15
    moving = d.pitch_spread > 0.15 and d.pitch_glide > 0.03
    words = d.dynamics_db > 12 and d.onset_rate > 0.4 and d.voicedness > 0.3 and moving
    phrases = d.pauses > 0.05 and d.onset_rate > 1 and d.voicedness > 0.5 and d.pitch_spread > 0.7 and moving
    return changing or words or phrases


def _word(value: float, *steps: tuple[float, str], above: str) -> str:
    """The word of the first step that ``value`` lies under."""
    return next((word for limit, word in steps if value < limit), above)


def sentence(d: Descriptors) -> str:
    """The sentence for measured descriptors, in coarse words, so that small differences rarely change it."""
    if d.kind == "silence":
        return "Silence."
    parts = [
        _pitch_words(d),
        _word(d.onset_rate, (0.3, "no onsets"), (1.5, "few onsets"), (4.0, "many onsets"), above="dense onsets"),
        _beat_words(d),
        _word(d.dynamics_db, (5, "an even level"), (12, "some dynamics"), above="strong dynamics"),
    ]
    if d.pauses > 0.2:
        parts[-1] += " and pauses"
    width = _word(d.width_db, (-40, "mono"), (-12, "narrow stereo"), above="wide stereo")
    name = f"A {d.kind}" if d.kind in ("tone", "hit") else d.kind.capitalize()
    return f"{name} with {', '.join(parts[:-1])} and {parts[-1]}, in {width}."


def _pitch_words(d: Descriptors) -> str:
    if d.voicedness < 0.15:  # no single period: neither does noise have one, nor a chord
        return "no pitch" if d.tonality < NOISE_DB else "mixed pitches"
    height = _word(d.pitch_hz, (140, "low"), (260, "medium"), above="high")
    motion = _word(d.pitch_spread, (0.5, "steady"), (4, "moving"), above="wandering")
    return f"a {_word(d.voicedness, (0.55, 'partly'), above='mostly')} voiced, {height}, {motion} pitch"


def _beat_words(d: Descriptors) -> str:
    if d.beat < 0.4 or d.onset_rate < 1:
        return "no beat"
    return _word(d.beat_seconds, (0.5, "a fast beat"), above="a slow beat")


class DescriptorCaptioner:
    """`caption` as a `captions.Captioner`; clips are spread over processes."""

    batch_size = None

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"captioner": "descriptors"}

    def __call__(self, windows: Sequence[Array], rate: int) -> list[str]:
        return [caption(audio, rate) for audio in windows]
