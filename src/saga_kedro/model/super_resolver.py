"""Muffled audio in, full-band audio out, with the network in PyTorch or ONNX Runtime."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like, to_numpy
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.bandwidth import frame_powers, measure_bandwidth, slope_below
from saga_kedro.audio.low_band import LOW_BANDS
from saga_kedro.audio.lowpass import LowPass
from saga_kedro.audio.reading import Read, from_array, low_passed, shifted
from saga_kedro.audio.resample import CHANNELS, resample
from saga_kedro.audio.rolloff import ROLLOFFS
from saga_kedro.captioning.windows import window_at
from saga_kedro.model.blocks import Block, ahead, blocks, cross_fade, cut, joined, noise_at, pieces, window_starts
from saga_kedro.model.codec import build_codec
from saga_kedro.model.condition import UNSPECIFIED, Condition
from saga_kedro.model.dials import DEFAULTS, Dials, Prompt
from saga_kedro.model.guidance import GUIDANCE
from saga_kedro.model.noise_floor import HERTZ, FloorPredictor, FloorTrack, track_floor
from saga_kedro.model.onsets import onset_gain
from saga_kedro.model.parts import part
from saga_kedro.model.piecewise import PIECE_SECONDS, PiecewiseCodec
from saga_kedro.model.rolloff_predictor import RolloffPredictor
from saga_kedro.model.sampler import SAMPLERS
from saga_kedro.model.schedule import SCHEDULES
from saga_kedro.model.silence import digital_silence
from saga_kedro.model.steady import BURST, SteadyTrack, track_steady
from saga_kedro.model.treatment import Treatment, treatment

WINDOWS_AT_ONCE = 8  # bounds the memory of one guided step; results do not depend on it
HIGH_CUTOFF_HZ, DULL_SLOPE_DB, CONTINUED = 6_000, -11.5, 0.8  # Hz, dB per octave, f_h: chosen in docs/bundled_model.md
LIKE_TRAINING = partial(LowPass, "chebyshev", 8)  # for inputs that carry something above their cutoff: training draws it too


@dataclass(frozen=True)
class Stretch:
    """Up to five minutes of a clip, ready for the network."""

    z_l: Array  # of the whole stretch, [C, L]
    condition: Condition  # of each window, as long as a training segment
    starts: list[int]  # frames at which windows start
    first: int  # frame of the clip that z_l starts with
    seconds: float  # of audio in it
    finish: Callable[[Array], Iterator[np.ndarray]]  # z_h [C, L] to parts of audio, float32 [2, n], for `blocks.joined`


class SuperResolver(ABC):
    """Everything around the network: bandwidth, codec, conditions, windows, sampling, noise floor, low band, silence.

    A subclass has a ``network``, called as `SagaNetwork.forward`, and makes its kind of arrays (`array`, `text`). ``config``
    has the parameters of ``conf/``: ``codec`` {name, ...}, ``segment_samples``, ``channels``, ``rolloff``, ``sample``.
    """

    network: Callable[..., Array]
    takes_prompts: bool = False  # whether it was trained with captions

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.sample: dict[str, Any] = config["sample"]
        self.codec: Any = build_codec(**config["codec"])
        self.channels = part("channels", CHANNELS, config["channels"])
        self.measure_rolloff = part("rolloff", ROLLOFFS, config["rolloff"])
        self.rolloff_predictor = RolloffPredictor(self.codec.latent_channels)
        self.floor_predictor = FloorPredictor()
        self.segment_frames = -(-config["segment_samples"] // self.codec.hop)

    @abstractmethod
    def array(self, audio: np.ndarray) -> Array:
        """Audio as the network's kind of array, where the network is."""

    @abstractmethod
    def text(self, captions: Sequence[str]) -> Array:
        """The text states of captions, [B, L, W]."""

    def captions(self, read: Read, samples: int, prompt: Prompt) -> str | list[str]:
        """The caption of all windows, or one for each stretch of 5.94 s; ValueError where the prompt does not fit."""
        if prompt:
            raise ValueError("This model was trained without captions: it takes no prompt.")
        return ""

    def tables(self) -> dict[str, np.ndarray]:
        """Arrays that are fitted rather than trained, by name."""
        fitted = {"rolloff_predictor": self.rolloff_predictor, "floors": self.floor_predictor}
        return {f"{part}.{name}": table for part, one in fitted.items() for name, table in vars(one).items()}

    def super_resolve(
        self,
        audio: np.ndarray | str | Path,
        sample_rate: int | None = None,
        cutoff_hz: float | None = None,
        rate: int = SAMPLE_RATE,
        progress: bool = False,
        **dials: Any,
    ) -> np.ndarray:
        """Give muffled audio the upper band that it could have had.

        Args:
            audio: float [channels, samples] in [-1, 1] at ``sample_rate`` Hz, or a file, which brings its own rate.
            cutoff_hz: where the input's signal ends, from 1,000 to 22,050 Hz; the result keeps the input below it, and nothing
                above it is heard. None measures it, and leaves a full-band input as it is.
            rate: of the result, in Hz.
            progress: show a progress bar over the seconds of audio.
            dials: of `Dials`: rolloff, noise_floor, prompt, steps, s_a, s_t, seed, fast.

        Returns:
            float32 [channels, samples] at ``rate``, of any level: mono in, mono out; more than two channels become two.
            Digital silence stays silent, identical channels stay identical.

        Raises:
            ValueError: the audio has not two dimensions, no channel, or values that are not finite; a rate, a cutoff, a
                roll-off or a number of captions that does not fit. `UnreadableAudio` for a file.
        """
        from tqdm import tqdm  # a browser has none of this, and gives arrays to `stretches`

        if isinstance(audio, str | Path):
            from saga_kedro.audio.io import read_audio

            audio, sample_rate = read_audio(audio)
        checked = _checked(audio, sample_rate)
        low = self.channels(resample(checked, sample_rate or 0, SAMPLE_RATE))
        samples = low.shape[-1]

        read = from_array(low)
        measured = measure_bandwidth(frame_powers(read, samples, without_clipping=True), SAMPLE_RATE)
        todo = treatment(measured, sample_rate or 0, cutoff_hz)
        with tqdm(total=samples / SAMPLE_RATE, desc="super-resolving", unit="s", disable=not progress) as bar:
            parts = self.stream(read, samples, todo, np.array_equal(low[0], low[1]), Dials(**dials), bar.update)
            high = np.concatenate([low[:, :0], *parts], axis=1)
        if rate != SAMPLE_RATE:  # each of the two is resampled at most once
            own = self.channels(resample(checked, sample_rate or 0, rate))
            added = resample(high - low, SAMPLE_RATE, rate)[:, : own.shape[-1]]
            high = np.where(digital_silence(own), 0, own + np.pad(added, ((0, 0), (0, own.shape[-1] - added.shape[-1]))))
        return high[:1] if len(audio) == 1 else high

    def stream(
        self,
        read: Read,
        samples: int,
        todo: Treatment,
        identical: bool = False,
        dials: Dials = DEFAULTS,
        advance: Callable[[float], Any] = lambda seconds: None,
    ) -> Iterator[np.ndarray]:
        """Super-resolve audio that need not fit into memory: yields parts float32 [2, n], ``samples`` in all.

        ``read`` gives any range of the input, float32 [2, n] at 44.1 kHz, whose channels are the same if ``identical``;
        ``advance`` is called with seconds of audio as they are done. Dials out of range, or that this model lacks, are a
        ValueError.
        """
        if todo.cutoff_hz is None:
            self.wanted(dials)
            for run, _ in pieces(0, samples, samples, int(PIECE_SECONDS * SAMPLE_RATE), 0):
                yield read(run.start, run.stop)
                advance((run.stop - run.start) / SAMPLE_RATE)
            return
        stretches = self.stretches(read, samples, todo, identical, dials)
        yield from joined(one.finish(self.generate(one, dials, _reporting(advance, one.seconds))) for one in stretches)

    def stretches(
        self, read: Read, samples: int, todo: Treatment, identical: bool = False, dials: Dials = DEFAULTS
    ) -> Iterator[Stretch]:
        """`stream` before sampling, for an input with a cutoff; arguments and errors as there."""
        cutoff_hz = todo.cutoff_hz or 0.0
        rolloff, amount = self.wanted(dials, partial(likely_rolloff, read, samples, cutoff_hz))
        captions = self.captions(read, samples, dials.prompt)
        codec, hop, length = PiecewiseCodec(self.codec, self.array), self.codec.hop, self.segment_frames
        hear = low_passed(read, samples, LIKE_TRAINING(int(cutoff_hz))) if todo.low_pass else read
        floor = track_floor(hear, samples, cutoff_hz, self.floor_predictor, amount)
        steady = track_steady(hear, samples, cutoff_hz) if hasattr(self.codec, "faded_to_noise") else {}
        keep_low = partial(self._with_low_band, cutoff_hz, identical)

        def finish(z_l: Array, block: Block, z_h: Array) -> Iterator[np.ndarray]:
            z_h = self._with_noise(z_h, z_l, floor, steady, block.first)
            ours = shifted(read, samples, block.first * hop)
            return codec.decode(z_h, ours, keep_low, block.begin, min(samples, block.end), dials.seed, block.first)

        for block in blocks(window_starts(max(length, -(-samples // hop)), length), length, hop):
            heard = shifted(hear, samples, block.first * hop)
            z_l = codec.encode(heard, block.frames, dials.seed, block.first)
            condition = self._condition(heard, z_l, block, rolloff, captions)
            seconds = (min(samples, block.end) - max(0, block.begin)) / SAMPLE_RATE
            yield Stretch(z_l, condition, block.starts, block.first, seconds, partial(finish, z_l, block))

    def _condition(
        self, read: Read, z_l: Array, block: Block, rolloff: float | None, captions: str | Sequence[str]
    ) -> Condition:
        """The network's condition for each window of a block; ``read`` gives the block's audio."""
        hop, length, xp = self.codec.hop, self.segment_frames, array_namespace(z_l)
        windows = cut(z_l, block.starts, length)

        def rolloffs(some: list[int]) -> Array:
            return xp.concat([self.measure_rolloff(self.array(read(s * hop, (s + length) * hop)[None])) for s in some])

        groups = [block.starts[at : at + WINDOWS_AT_ONCE] for at in range(0, len(block.starts), WINDOWS_AT_ONCE)]
        f_l = xp.concat(list(ahead([partial(rolloffs, some) for some in groups])))
        f_h = self.rolloff_predictor.predict(windows) if rolloff is None else xp.full_like(f_l, rolloff)
        if not isinstance(captions, str):  # of the stretch that holds the window's middle
            middles = [(block.first + start + length / 2) * hop / SAMPLE_RATE for start in block.starts]
            each = [captions[window_at(middle, len(captions))] for middle in middles]
        else:
            each = [captions] * len(block.starts)
        return Condition(z_l=windows, text=self.text(each), f_l=f_l, f_h=f_h)

    def generate(
        self,
        stretch: Stretch,
        dials: Dials = DEFAULTS,
        progress: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
    ) -> Array:
        """Sample z_h, [C, L]. At every step the windows' velocities are cross-faded, so that they agree where they overlap."""
        setting, z_l, starts = dials.sampling(self.sample), stretch.z_l, stretch.starts
        frames, temperature = z_l.shape[-1], setting["temperature"]

        def velocity(z_t: Array, t: Array) -> Array:
            windows = cut(z_t[0], starts, self.segment_frames)
            times = array_namespace(t).repeat(t, len(starts))
            groups = [slice(at, at + WINDOWS_AT_ONCE) for at in range(0, len(starts), WINDOWS_AT_ONCE)]
            v = [self.velocity(windows[g], times[g], stretch.condition[g], setting) for g in groups]
            return cross_fade(array_namespace(z_t).concat(v), starts, frames)[None]

        drawn = np.zeros((len(z_l), frames), np.float32)
        if temperature:
            drawn = noise_at(dials.seed, "noise", len(z_l), stretch.first, frames)
        noise = like(np.float32(temperature) * drawn, z_l)[None]
        schedule = part("schedule", SCHEDULES, setting["schedule"])(setting["steps"])
        return part("sampler", SAMPLERS, setting["sampler"])(velocity, noise, schedule, progress)[0]

    def velocity(self, z_t: Array, t: Array, condition: Condition, setting: Mapping[str, Any]) -> Array:
        """The guided velocity of windows z_t [B, C, T] at t [B]; ``setting`` has ``guidance``, ``s_a``, ``s_t``."""
        guidance = part("guidance", GUIDANCE, setting["guidance"])
        return guidance(self.network, z_t, t, condition, setting["s_a"], setting["s_t"])

    def wanted(self, dials: Dials, likely: Callable[[], float] = lambda: UNSPECIFIED) -> tuple[float | None, float]:
        """f_h in [0, 1], `UNSPECIFIED` or None (to be predicted), and the noise floor's amount; ValueError where impossible."""
        setting = dials.sampling(self.sample)
        rolloff, amount = setting["rolloff"], setting["noise_floor"]
        named = {"predicted": lambda: None, "unspecified": lambda: UNSPECIFIED, "likely": likely}
        if rolloff not in named and (isinstance(rolloff, str) or not 0 <= rolloff <= 1):
            raise ValueError(f"rolloff must be a number in [0, 1] or one of {', '.join(named)}, not {rolloff!r}.")
        if not 0 <= amount <= 1:
            raise ValueError(f"noise_floor must be a number in [0, 1], not {amount!r}.")
        if amount and not hasattr(self.codec, "with_noise"):
            raise ValueError(f"The codec {self.config['codec']['name']} adds no noise floor: ask for noise_floor=0.")
        return named[rolloff]() if rolloff in named else float(rolloff), float(amount)

    def _with_noise(self, z_h: Array, z_l: Array, floor: FloorTrack, steady: Mapping[int, SteadyTrack], first: int) -> Array:
        """z_h [C, L] from frame ``first`` on with the noise floor; steady sound is noise, a burst at least as loud."""
        middles = (first + np.arange(z_h.shape[-1]) + 0.5) * self.codec.hop
        if floor:
            z_h = self.codec.with_noise(z_h, z_l, floor.at(middles), HERTZ)
        for window, track in steady.items():
            if track:
                noise = self.codec.faded_to_noise(z_h, *track.at(middles), HERTZ)
                z_h = array_namespace(z_h).maximum(z_h, noise) if window == BURST else noise
        return z_h

    def _with_low_band(self, cutoff_hz: float, identical: bool, generated: Array, low: np.ndarray) -> np.ndarray:
        """Generated audio [1, 2, N] with the low band and the silence of the input [2, N]."""
        if identical:  # a side that is silent stays silent
            generated = array_namespace(generated).stack([generated.mean(1)] * 2, axis=1)
        generated = generated * self.array(onset_gain(low, cutoff_hz)[None])
        replace = part("low_band", LOW_BANDS, self.sample["low_band"])
        high = to_numpy(replace(generated, self.array(low[None]), cutoff_hz)[0])
        return np.where(digital_silence(low), np.float32(0), high)


def likely_rolloff(read: Read, samples: int, cutoff_hz: float) -> float:
    """f_h of the whole input: 0.8 where its loud frames fall slowly towards a cutoff above 6 kHz, else `UNSPECIFIED`."""
    continues = cutoff_hz > HIGH_CUTOFF_HZ and slope_below(read, samples, cutoff_hz) > DULL_SLOPE_DB
    return CONTINUED if continues else UNSPECIFIED


def _reporting(advance: Callable[[float], Any], seconds: float) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Wrap the sampler's steps so that each reports an equal share of the seconds."""

    def report(steps: Iterable[Any]) -> Iterator[Any]:
        every = list(steps)
        for step in every:
            yield step
            advance(seconds / len(every))

    return report


def _checked(audio: np.ndarray, sample_rate: int | None) -> np.ndarray:
    if audio.ndim != 2 or not len(audio):
        raise ValueError(f"Audio must be [channels, samples] with at least one channel, not {list(audio.shape)}.")
    if sample_rate is None or sample_rate <= 0:
        raise ValueError(f"A sample rate is positive, not {sample_rate}.")
    if not np.isfinite(audio).all():
        raise ValueError("The audio holds values that are not finite numbers.")
    return audio.astype(np.float32, copy=False)
