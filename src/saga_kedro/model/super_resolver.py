"""Muffled audio in, full-band audio out, whatever computes the network: PyTorch or ONNX Runtime."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saga_kedro.arrays import Array, array_namespace, like, to_numpy
from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.bandwidth import Read, frame_powers, measure_bandwidth
from saga_kedro.audio.low_band import HOP as LOW_BAND_HOP
from saga_kedro.audio.low_band import LOW_BANDS
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audio.resample import CHANNELS, resample
from saga_kedro.audio.rolloff import ROLLOFFS
from saga_kedro.captioning.windows import window_at
from saga_kedro.draws import seed_of
from saga_kedro.model.blocks import Block, ahead, blocks, joined, noise_at, pieces
from saga_kedro.model.codec import Codec, build_codec
from saga_kedro.model.condition import UNTOLD, Condition
from saga_kedro.model.dials import OWN, Dials, Prompt
from saga_kedro.model.noise_floor import HERTZ, FloorPredictor, FloorTrack, track_floor
from saga_kedro.model.parts import part
from saga_kedro.model.rolloff_predictor import RolloffPredictor
from saga_kedro.model.sampler import SAMPLERS
from saga_kedro.model.schedule import SCHEDULES
from saga_kedro.model.silence import digital_silence
from saga_kedro.model.treatment import Treatment, treatment
from saga_kedro.model.windows import cross_fade, cut, window_starts

# Bounds the memory of one guided step; results do not depend on it.
WINDOWS_AT_ONCE = 8
# Codec and spectra work on pieces of a long clip. The margin holds what they see beyond a piece's ends, most of it the
# 1.5 s on each side over which `audio.low_band` compares levels.
PIECE_SECONDS = 12.0
PIECE_MARGIN_SECONDS = 1.7
ENCODING_MARGIN = 32  # frames
FILTER_MARGIN = 8_192  # samples
# The low-pass for inputs that carry something above their cutoff: one that training draws.
LIKE_TRAINING = partial(LowPass, "chebyshev", 8)


@dataclass(frozen=True)
class Stretch:
    """Up to five minutes of a clip, ready for the network.

    Attributes:
        z_l, condition, starts, first: what `SuperResolver.generate` takes.
        seconds: of audio in it.
        finish: makes z_h the audio, float32 [2, n] part by part; `blocks.joined` joins stretches.
    """

    z_l: Array
    condition: Condition
    starts: list[int]
    first: int
    seconds: float
    finish: Callable[[Array], Iterator[np.ndarray]]


class SuperResolver(ABC):
    """Everything around the network: bandwidth, codec, conditions, windows, sampling, noise floor, low band, silence.

    Who inherits computes velocities (`velocity`), and says of which kind its arrays are (`array`).

    Attributes:
        config: the model's and the sampler's parameters, as in ``conf/``: ``codec`` {name, ...}, ``segment_samples``,
            ``sample`` {steps, schedule, guidance, s_a, s_t, rolloff, low_band}, and optionally ``channels``, ``rolloff``,
            ``sample.sampler``, ``sample.temperature`` and ``sample.noise_floor``.
        sample: ``config["sample"]``.
        codec: frozen.
        rolloff_predictor: fitted before training.
        floor_predictor: holds the noise floors of the training clips.
        segment_frames: latent frames of a training segment.
    """

    def set_up(self, config: dict[str, Any], codec: Codec | None = None) -> None:
        """Build all that is not the network.

        Args:
            config: as the attribute.
            codec: use this one instead of building the configured one.
        """
        self.config = config
        self.sample: dict[str, Any] = config["sample"]
        self.codec: Any = codec or build_codec(**config["codec"])
        self.channels = part("channels", CHANNELS, config.get("channels", "stereo"))
        self.measure_rolloff = part("rolloff", ROLLOFFS, config.get("rolloff", "magnitude"))
        self.rolloff_predictor = RolloffPredictor(self.codec.latent_channels)
        self.floor_predictor = FloorPredictor()
        self.segment_samples: int = config["segment_samples"]
        self.segment_frames = -(-self.segment_samples // self.codec.hop)

    @property
    def takes_prompts(self) -> bool:
        """Whether it was trained with captions."""
        return False

    @abstractmethod
    def velocity(self, z_t: Array, t: float, condition: Condition, setting: Mapping[str, Any]) -> Array:
        """The guided velocity of some windows.

        Args:
            z_t: [B, C, T].
            t: in [0, 1].
            condition: of B windows.
            setting: ``guidance``, ``s_a``, ``s_t``.

        Returns:
            [B, C, T].
        """

    @abstractmethod
    def array(self, audio: np.ndarray) -> Array:
        """Audio as the network's kind of array, where the network is."""

    @abstractmethod
    def text(self, captions: Sequence[str]) -> Array:
        """The text states of captions, [B, L, W]."""

    def captions(self, read: Read, samples: int, prompt: Prompt) -> str | list[str]:
        """The caption of all, or of each stretch of 5.94 s, where nobody gives one.

        Raises:
            ValueError: a prompt for a model that was trained without captions.
        """
        if prompt:
            raise ValueError("This model was trained without captions: it takes no prompt.")
        return ""

    def tables(self) -> dict[str, np.ndarray]:
        """What was fitted and not trained, by name."""
        tables = {"rolloff_predictor": self.rolloff_predictor.state_dict(), "floors": self.floor_predictor.state_dict()}
        return {f"{part}.{name}": table for part, named in tables.items() for name, table in named.items()}

    def super_resolve(
        self,
        audio: np.ndarray | str | Path,
        sample_rate: int | None = None,
        cutoff_hz: float | None = None,
        progress: bool = False,
        **dials: Any,
    ) -> np.ndarray:
        """Give muffled audio the upper band that it could have had.

        Args:
            audio: float [channels, samples] in [-1, 1], or a file.
            sample_rate: its rate in Hz; a file brings its own.
            cutoff_hz: below it the result is the input, which carries nothing above it; None measures that, and leaves a
                full-band input as it is.
            progress: show a progress bar over the seconds of audio.
            dials: of `Dials`: rolloff, noise_floor, prompt, steps, s_a, s_t, seed, fast.

        Returns:
            float32 [channels, samples] at 44.1 kHz: mono in, mono out; more than two channels become two. Digital silence stays
            silent, identical channels stay identical.

        Raises:
            ValueError: the audio has not two dimensions, no channel, or values that are not finite; a rate, a roll-off or a
                number of captions that does not fit. `UnreadableAudio` for a file.
        """
        from tqdm import tqdm  # a browser has none of this, and gives arrays to `stream`

        if isinstance(audio, str | Path):
            from saga_kedro.audio.io import read_audio

            audio, sample_rate = read_audio(audio)
        checked = _checked(audio, sample_rate)
        low = self.channels(resample(checked, sample_rate or 0, SAMPLE_RATE))
        samples = low.shape[-1]

        read = _reader(low)
        if cutoff_hz is None:
            measured = measure_bandwidth(frame_powers(read, samples, without_clipping=True), SAMPLE_RATE)
            todo = treatment(measured, sample_rate or 0)
        else:
            todo = Treatment(cutoff_hz if low.any() else None, False, "")
        with tqdm(total=samples / SAMPLE_RATE, desc="super-resolving", unit="s", disable=not progress) as bar:
            parts = self.stream(read, samples, todo, np.array_equal(low[0], low[1]), Dials(**dials), bar.update)
            high = np.concatenate([low[:, :0], *parts], axis=1)
        return high[:1] if len(audio) == 1 else high

    def stream(
        self,
        read: Read,
        samples: int,
        todo: Treatment,
        identical: bool = False,
        dials: Dials = OWN,
        advance: Callable[[float], Any] = lambda seconds: None,
    ) -> Iterator[np.ndarray]:
        """Super-resolve audio that need not fit into memory.

        Args:
            read: gives any range of the input, float32 [2, n] at 44.1 kHz.
            samples: its length.
            todo: up to where the input is kept.
            identical: whether its channels are the same; then the result's are.
            dials: how.
            advance: called with seconds of audio as they are done.

        Yields:
            float32 [2, n], one after the other, ``samples`` in all.

        Raises:
            ValueError: a dial that is out of its range, or that this model has not.
        """
        if todo.cutoff_hz is None:
            self.wanted(dials)
            for run, _ in pieces(0, samples, samples, int(PIECE_SECONDS * SAMPLE_RATE), 0):
                yield read(run.start, run.stop)
                advance((run.stop - run.start) / SAMPLE_RATE)
            return

        def resolved() -> Iterator[Iterator[np.ndarray]]:
            for one in self.stretches(read, samples, todo, identical, dials):
                report = _reporting(advance, one.seconds)
                yield one.finish(self.generate(one.z_l, one.condition, one.starts, dials, one.first, report))

        yield from joined(resolved())

    def stretches(self, read: Read, samples: int, todo: Treatment, identical: bool, dials: Dials) -> Iterator[Stretch]:
        """All of `stream` but the sampling, for an input that has a cutoff. Arguments and errors are `stream`'s."""
        rolloff, amount = self.wanted(dials)
        cutoff_hz, seed = todo.cutoff_hz or 0.0, dials.seed
        captions = self.captions(read, samples, dials.prompt)
        hop, length = self.codec.hop, self.segment_frames
        frames = max(length, -(-samples // hop))
        hear = partial(_low_passed, read, samples, LIKE_TRAINING(int(cutoff_hz))) if todo.low_pass else read
        floor = track_floor(hear, samples, cutoff_hz, self.floor_predictor, amount)

        def finish(z_l: Array, block: Block, z_h: Array) -> Iterator[np.ndarray]:
            z_h = self._with_floor(z_h, z_l, floor, block.first)
            ours = partial(_from, read, samples, block.first * hop)
            return self._decoded(z_h, ours, block.begin, min(samples, block.end), cutoff_hz, seed, block.first, identical)

        for block in blocks(window_starts(frames, length), length, hop):
            z_l, condition, starts = self._condition(
                partial(_from, hear, samples, block.first * hop), block.frames, rolloff, captions, seed, block.first
            )
            seconds = (min(samples, block.end) - max(0, block.begin)) / SAMPLE_RATE
            yield Stretch(z_l, condition, starts, block.first, seconds, partial(finish, z_l, block))

    def condition(
        self, low: np.ndarray, rolloff: float | None, prompt: Prompt, seed: int, first: int = 0
    ) -> tuple[Array, Condition, list[int]]:
        """What the network is told about stereo audio, window by window of a training segment's length.

        Args:
            low: float32 [2, N] at 44.1 kHz.
            rolloff: f_h in [0, 1], None predicts it.
            prompt: one caption for all windows, or one for each stretch of 5.94 s of the clip; None describes each stretch of
                ``low``.
            seed: names the draw from the codec's posterior.
            first: frame of a longer clip that ``low`` starts with.

        Returns:
            z_l of the whole, padded to at least one window, [C, L]; the condition of each window; the frame each starts at.
        """
        samples = low.shape[-1]
        frames = max(self.segment_frames, -(-samples // self.codec.hop))
        if prompt is None:
            prompt, first = self.captions(_reader(low), samples, None), 0
        return self._condition(partial(_from, _reader(low), samples, 0), frames, rolloff, prompt, seed, first)

    def _condition(
        self, read: Read, frames: int, rolloff: float | None, prompt: str | Sequence[str], seed: int, first: int
    ) -> tuple[Array, Condition, list[int]]:
        """`condition` of ``frames`` frames that ``read`` gives."""
        hop, length = self.codec.hop, self.segment_frames
        z_l = self._encode(read, frames, seed, first)
        starts = window_starts(frames, length)
        windows = cut(z_l, starts, length)
        xp = array_namespace(z_l)

        def rolloffs(some: list[int]) -> Array:
            return xp.concat([self.measure_rolloff(self.array(read(s * hop, (s + length) * hop)[None])) for s in some])

        groups = [starts[at : at + WINDOWS_AT_ONCE] for at in range(0, len(starts), WINDOWS_AT_ONCE)]
        f_l = xp.concat(list(ahead([partial(rolloffs, some) for some in groups])))
        f_h = self.rolloff_predictor.predict(windows) if rolloff is None else xp.full_like(f_l, rolloff)
        captions = [prompt] * len(starts) if isinstance(prompt, str) else [_at(prompt, first + s, length, hop) for s in starts]
        return z_l, Condition(z_l=windows, text=self.text(captions), f_l=f_l, f_h=f_h), starts

    def generate(
        self,
        z_l: Array,
        condition: Condition,
        starts: list[int],
        dials: Dials = OWN,
        first: int = 0,
        progress: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
    ) -> Array:
        """Sample z_h. At every step the windows' velocities are cross-faded, so that the windows agree where they overlap.

        Args:
            z_l, condition, starts: as ``condition`` returned them.
            dials: how many steps, how much guidance, which draws.
            first: frame of a longer clip that z_l starts with.
            progress: wraps the iterable of steps, e.g. ``tqdm``.

        Returns:
            z_h, [C, L].
        """
        setting = dials.sampling(self.sample)
        frames = z_l.shape[-1]

        def velocity(z_t: Array, t: Array) -> Array:
            windows = cut(z_t[0], starts, self.segment_frames)
            groups = [slice(at, at + WINDOWS_AT_ONCE) for at in range(0, len(starts), WINDOWS_AT_ONCE)]
            v = [self.velocity(windows[g], float(t[0]), condition[g], setting) for g in groups]
            return cross_fade(array_namespace(z_t).concat(v), starts, frames)[None]

        temperature = setting.get("temperature", 1.0)
        drawn = (
            noise_at(dials.seed, "noise", len(z_l), first, frames) if temperature else np.zeros((len(z_l), frames), np.float32)
        )
        noise = like(np.float32(temperature) * drawn, z_l)[None]
        schedule = part("schedule", SCHEDULES, setting["schedule"])(setting["steps"])
        return part("sampler", SAMPLERS, setting.get("sampler", "euler"))(velocity, noise, schedule, progress)[0]

    def decode(
        self,
        z_h: Array,
        low: np.ndarray,
        cutoff_hz: float,
        seed: int = 0,
        first: int = 0,
        identical: bool | None = None,
    ) -> np.ndarray:
        """Latents to audio, with all of the input that can be kept.

        Args:
            z_h: [C, L], of the padded audio.
            low: float32 [2, N] at 44.1 kHz, the input.
            cutoff_hz: below it the result is the input.
            seed: names the codec's draws.
            first: frame of a longer clip that z_h starts with.
            identical: whether the clip's channels are the same; None looks at ``low``.

        Returns:
            float32 [2, N].
        """
        identical = np.array_equal(low[0], low[1]) if identical is None else identical
        read = partial(_from, _reader(low), low.shape[-1], 0)
        parts = self._decoded(z_h, read, first * self.codec.hop, low.shape[-1], cutoff_hz, seed, first, identical)
        return np.concatenate([low[:, :0], *parts], axis=1)

    def _decoded(
        self, z_h: Array, read: Read, begin: int, end: int, cutoff_hz: float, seed: int, first: int, identical: bool
    ) -> Iterator[np.ndarray]:
        """Samples [begin, end) of the clip, part by part; z_h and ``read`` start at frame ``first`` of it."""
        hop = self.codec.hop
        replace = part("low_band", LOW_BANDS, self.sample["low_band"])
        size, margin = self._piece_frames()
        begin, end = begin - first * hop, end - first * hop
        aligned = begin // hop - begin // hop % self._whole_hops()

        def piece(wide: slice, keep: slice) -> np.ndarray:
            start = wide.start * hop
            low = read(start, wide.stop * hop)
            given = self.array(low[None])
            generated = self.codec.decode(z_h[None, :, wide], seeds=[seed_of(seed, "decode")], first=first + wide.start)
            if identical:  # a side that is silent stays silent
                generated = array_namespace(generated).stack([generated.mean(1)] * 2, axis=1)
            high = to_numpy(replace(generated, given, cutoff_hz)[0])
            high = np.where(digital_silence(low), np.float32(0), high)
            return high[:, max(begin - start, keep.start * hop) : min(end - start, keep.stop * hop)]

        cuts = pieces(aligned, -(-end // hop), z_h.shape[-1], size, margin)
        yield from ahead([partial(piece, *one) for one in cuts])

    def _encode(self, read: Read, frames: int, seed: int, first: int) -> Array:
        """z_l of stereo audio, drawn from the codec's posterior: [C, frames], where the network is."""
        hop = self.codec.hop

        def piece(wide: slice, keep: slice) -> Array:
            posterior = self.codec.encode(self.array(read(wide.start * hop, wide.stop * hop)[None]))
            mean, deviation = posterior.mean[0, :, keep], posterior.deviation[0, :, keep]
            if deviation.any():
                noise = noise_at(seed, "z_l", len(mean), first + wide.start + keep.start, mean.shape[-1])
                mean = mean + deviation * like(noise, mean)
            return mean

        cuts = pieces(0, frames, frames, self._piece_frames()[0], ENCODING_MARGIN)
        z_l = list(ahead([partial(piece, *one) for one in cuts]))
        return array_namespace(z_l[0]).concat(z_l, axis=-1)

    def _piece_frames(self) -> tuple[int, int]:
        """Frames of a piece and of its margins."""
        step = self._whole_hops()
        size, margin = (
            int(seconds * SAMPLE_RATE) // self.codec.hop // step * step for seconds in (PIECE_SECONDS, PIECE_MARGIN_SECONDS)
        )
        return size, margin

    def _whole_hops(self) -> int:
        """Frames that make whole hops of the spectra that low bands are replaced in."""
        return math.lcm(self.codec.hop, LOW_BAND_HOP) // self.codec.hop

    def wanted(self, dials: Dials) -> tuple[float | None, float]:
        """The roll-off and the noise floor asked for.

        Returns:
            f_h in [0, 1], None where it is to be predicted, `UNTOLD` where nothing is said of it; the amount of noise floor.

        Raises:
            ValueError: one of them is out of its range, or the codec adds no noise.
        """
        setting = dials.sampling(self.sample)
        rolloff, amount = setting["rolloff"], setting.get("noise_floor", 0.0)
        named = {"predicted": None, "untold": UNTOLD}
        if rolloff not in named and (isinstance(rolloff, str) or not 0 <= rolloff <= 1):
            raise ValueError(f"rolloff must be a number in [0, 1], 'predicted' or 'untold', not {rolloff!r}.")
        if not 0 <= amount <= 1:
            raise ValueError(f"noise_floor must be a number in [0, 1], not {amount!r}.")
        if amount and not hasattr(self.codec, "with_noise"):
            raise ValueError(f"The codec {self.config['codec']['name']} adds no noise floor: ask for noise_floor=0.")
        return named[rolloff] if rolloff in named else float(rolloff), float(amount)

    def _with_floor(self, z_h: Array, z_l: Array, floor: FloorTrack, first: int) -> Array:
        """z_h [C, L] with the noise floor; it starts at frame ``first`` of the clip."""
        if not floor:
            return z_h
        middles = (first + np.arange(z_h.shape[-1]) + 0.5) * self.codec.hop
        return self.codec.with_noise(z_h, z_l, floor.at(middles), HERTZ)


def _at(captions: Sequence[str], start: int, length: int, hop: int) -> str:
    """The caption of the stretch that holds a window's middle."""
    return captions[window_at((start + length / 2) * hop / SAMPLE_RATE, len(captions))]


def _reader(audio: np.ndarray) -> Read:
    return lambda start, stop: audio[:, start:stop]


def _from(read: Read, samples: int, offset: int, start: int, stop: int) -> np.ndarray:
    """Samples counted from ``offset``; what lies behind the end is zeros."""
    audio = read(offset + start, min(samples, offset + stop))
    return np.pad(audio, ((0, 0), (0, stop - start - audio.shape[-1])))


def _low_passed(read: Read, samples: int, filtered: LowPass, start: int, stop: int) -> np.ndarray:
    """Samples [start, stop) of audio that is low-passed: a margin keeps the filter's ends out of them."""
    begin, end = max(0, start - FILTER_MARGIN), min(samples, stop + FILTER_MARGIN)
    return low_pass(read(begin, end), SAMPLE_RATE, filtered)[:, start - begin : stop - begin]


def _reporting(advance: Callable[[float], Any], seconds: float) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Wraps the sampler's steps, each of which is its share of the seconds."""

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
