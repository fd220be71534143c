"""SAGA-SR as a whole: muffled audio in, full-band audio out."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.bandwidth import measure_cutoff
from saga_kedro.audio.resample import resample, to_stereo
from saga_kedro.audio.rolloff import rolloff as measure_rolloff
from saga_kedro.captioning.descriptors import caption
from saga_kedro.captioning.windows import window_at, window_table
from saga_kedro.draws import generator, seed_of
from saga_kedro.files import atomic_path
from saga_kedro.model.codec import Codec, build_codec
from saga_kedro.model.network import Condition, build_network
from saga_kedro.model.parts import part
from saga_kedro.model.rolloff_predictor import RolloffPredictor
from saga_kedro.model.silence import digital_silence
from saga_kedro.model.text import TextEncoder, pad_states
from saga_kedro.model.windows import cross_fade, cut, window_starts

WEIGHTS = "model.safetensors"
CONFIG = "saga_sr.json"
# Bounds the memory of one guided step; results do not depend on it.
WINDOWS_AT_ONCE = 8


class SagaSR(nn.Module):
    """Network, codec, text encoder and roll-off predictor, with the defaults to sample with.

    Args:
        config: the model's and the sampler's parameters, as in ``conf/``: ``codec`` {name, ...}, ``backbone``, ``text``
            {encoder, path, max_tokens}, ``conditioning``, ``segment_samples``, ``sample`` {steps, schedule, guidance, s_a, s_t,
            rolloff, low_band, excitation}, and optionally ``network`` and ``sample.sampler`` (parts by name).
        codec: use this one instead of building the configured one.
        text_encoder: use this one instead of loading the configured one.

    Attributes:
        network: what is trained, a ``SagaNetwork``.
        codec: frozen.
        text_encoder: frozen.
        rolloff_predictor: fitted after training.
        config: as given.
        sample: ``config["sample"]``.
        segment_frames: latent frames of a training segment.
    """

    def __init__(self, config: dict[str, Any], codec: Codec | None = None, text_encoder: TextEncoder | None = None) -> None:
        super().__init__()
        self.config = config
        self.sample: dict[str, Any] = config["sample"]
        text = config["text"]
        self.codec: Any = codec or build_codec(**config["codec"])
        if hasattr(self.codec, "excitation") and "excitation" in self.sample:
            self.codec.excitation = self.sample["excitation"]
        self.text_encoder = text_encoder or TextEncoder.load(text["encoder"], text.get("path"), text["max_tokens"])
        self.network = build_network(
            self.codec.latent_channels,
            self.text_encoder.width,
            config["backbone"],
            config["conditioning"],
            config.get("network", "saga"),
        )
        self.rolloff_predictor = RolloffPredictor(self.codec.latent_channels)
        self.segment_samples: int = config["segment_samples"]
        self.segment_frames = -(-self.segment_samples // self.codec.hop)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def learned_state(self) -> dict[str, Tensor]:
        """What is trained and fitted, by name: the tensors of the network and of the roll-off predictor."""
        parts = {"network": self.network, "rolloff_predictor": self.rolloff_predictor}
        return {f"{prefix}.{name}": value for prefix, child in parts.items() for name, value in child.state_dict().items()}

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``model.safetensors`` and ``saga_sr.json`` into ``folder``, each of them whole or not at all."""
        folder = Path(folder)
        state = {name: value.detach().cpu().contiguous() for name, value in self.learned_state().items()}
        with atomic_path(folder / WEIGHTS) as path:
            save_file(state, path, metadata={"format": "pt"})
        with atomic_path(folder / CONFIG) as path:
            path.write_text(json.dumps(self.config, indent=2) + "\n")

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        device: str | torch.device = "cpu",
        codec: Codec | None = None,
        text_encoder: TextEncoder | None = None,
    ) -> SagaSR:
        """Load what ``save_pretrained`` wrote.

        Args:
            folder: holds ``model.safetensors`` and ``saga_sr.json``.
            device: where to put it.
            codec, text_encoder: as for the constructor.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: the weights are not this configuration's; the first three mismatches are named.
        """
        folder = Path(folder)
        for name in (CONFIG, WEIGHTS):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"There is no {name} in {folder}: give a folder that a training run exported.")
        saga = cls(json.loads((folder / CONFIG).read_text()), codec, text_encoder)
        saga._load(load_file(folder / WEIGHTS), str(folder / WEIGHTS))
        return saga.to(device).eval()

    def _load(self, state: dict[str, Tensor], source: str) -> None:
        own = self.learned_state()
        wrong = [f"{name} is missing" for name in own.keys() - state.keys()]
        wrong += [f"{name} is unknown" for name in state.keys() - own.keys()]
        wrong += [
            f"{name} is {list(state[name].shape)} instead of {list(own[name].shape)}"
            for name in own.keys() & state.keys()
            if own[name].shape != state[name].shape
        ]
        if wrong:
            raise ValueError(f"{source} does not fit its configuration: {'; '.join(sorted(wrong)[:3])} ({len(wrong)} in all).")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state[name])

    @torch.no_grad()
    def super_resolve(
        self,
        audio: np.ndarray,
        sample_rate: int,
        rolloff: float | str | None = None,
        prompt: str | None = None,
        steps: int | None = None,
        s_a: float | None = None,
        s_t: float | None = None,
        seed: int = 0,
        cutoff_hz: float | None = None,
        progress: bool = False,
    ) -> np.ndarray:
        """Give muffled audio the upper band that it could have had.

        Args:
            audio: float [channels, samples] in [-1, 1].
            sample_rate: its rate in Hz.
            rolloff: f_h, how bright the result shall be: a fraction of the Nyquist frequency in [0, 1], or "predicted" from the
                input; None is the configured one.
            prompt: what is to be heard; None lets the signal-descriptor captioner say it, window by window.
            steps: evaluations of the network; None is the configured number.
            s_a: acoustic guidance scale; None is the configured one.
            s_t: semantic guidance scale; None is the configured one.
            seed: names every draw: the same call gives the same result.
            cutoff_hz: below it the result is the input; None measures where the input stops carrying signal.
            progress: show a progress bar over the steps.

        Returns:
            float32 [channels, samples] at 44.1 kHz: mono in, mono out; more than two channels become two. Digital silence stays
            silent, identical channels stay identical.

        Raises:
            ValueError: the audio has not two dimensions, no channel, or values that are not finite; a rate or a roll-off out of
                range.
        """
        wanted = self._wanted_rolloff(rolloff)
        low = to_stereo(resample(_checked(audio, sample_rate), sample_rate, SAMPLE_RATE))
        silent = digital_silence(low)
        if silent.all():
            high = np.zeros_like(low)
        else:
            cutoff_hz = measure_cutoff(low, SAMPLE_RATE) if cutoff_hz is None else cutoff_hz
            z_l, condition, starts = self.condition(low, wanted, prompt, seed)
            z_h = self.generate(z_l, condition, starts, steps, s_a, s_t, seed, progress)
            high = self.decode(z_h, low, cutoff_hz, seed)
        return high[:1] if len(audio) == 1 else high

    def condition(
        self, low: np.ndarray, rolloff: float | None, prompt: str | None, seed: int
    ) -> tuple[Tensor, Condition, list[int]]:
        """What the network is told about stereo audio, window by window of a training segment's length.

        Args:
            low: float32 [2, N] at 44.1 kHz.
            rolloff: f_h in [0, 1], None predicts it.
            prompt: one caption for all windows; None describes each stretch of audio.
            seed: names the draw from the codec's posterior.

        Returns:
            z_l of the whole, padded to at least one window, [C, L]; the condition of each window; the frame each starts at.
        """
        hop, length = self.codec.hop, self.segment_frames
        frames = max(length, -(-low.shape[-1] // hop))
        padded = torch.zeros(2, frames * hop)
        padded[:, : low.shape[-1]] = torch.from_numpy(low)
        z_l = self.codec.encode(padded[None].to(self.device)).draw([seed_of(seed, "z_l")])[0]
        starts = window_starts(frames, length)
        windows = cut(z_l, starts, length)
        audio = cut(padded, [start * hop for start in starts], length * hop)
        f_l = measure_rolloff(audio).to(self.device)
        f_h = self.rolloff_predictor.predict(windows) if rolloff is None else torch.full_like(f_l, rolloff)
        captions = self._captions(low, starts) if prompt is None else [prompt] * len(starts)
        text = pad_states(self.text_encoder.encode(captions), self.text_encoder.max_tokens, self.text_encoder.width)
        return z_l, Condition(z_l=windows, text=text.to(self.device), f_l=f_l, f_h=f_h), starts

    def generate(
        self,
        z_l: Tensor,
        condition: Condition,
        starts: list[int],
        steps: int | None = None,
        s_a: float | None = None,
        s_t: float | None = None,
        seed: int = 0,
        progress: bool = False,
    ) -> Tensor:
        """Sample z_h. At every step the windows' velocities are cross-faded, so that the windows agree where they overlap.

        Args:
            z_l, condition, starts: as ``condition`` returned them.
            steps, s_a, s_t, seed, progress: as for ``super_resolve``.

        Returns:
            z_h, [C, L].
        """
        chosen = {"steps": steps, "s_a": s_a, "s_t": s_t}
        setting = self.sample | {name: value for name, value in chosen.items() if value is not None}
        guidance = part("guidance", setting["guidance"])
        frames = z_l.shape[-1]

        def velocity(z_t: Tensor, t: Tensor) -> Tensor:
            windows = cut(z_t[0], starts, self.segment_frames)
            groups = [slice(first, first + WINDOWS_AT_ONCE) for first in range(0, len(starts), WINDOWS_AT_ONCE)]
            v = [
                guidance(self.network, windows[g], t.expand(len(windows[g])), condition[g], setting["s_a"], setting["s_t"])
                for g in groups
            ]
            return cross_fade(torch.cat(v), starts, frames)[None]

        noise = torch.randn(1, *z_l.shape, generator=generator(seed, "noise")).to(z_l)
        schedule = part("schedule", setting["schedule"])(setting["steps"])
        bar = partial(tqdm, desc="super-resolving", unit="step") if progress else None
        return part("sampler", setting.get("sampler", "euler"))(velocity, noise, schedule, bar)[0]

    @torch.no_grad()
    def decode(self, z_h: Tensor, low: np.ndarray, cutoff_hz: float, seed: int = 0) -> np.ndarray:
        """Latents to audio, with all of the input that can be kept.

        Args:
            z_h: [C, L], of the padded audio.
            low: float32 [2, N] at 44.1 kHz, the input.
            cutoff_hz: below it the result is the input.
            seed: names the codec's draws.

        Returns:
            float32 [2, N].
        """
        samples = low.shape[-1]
        given = torch.zeros(1, 2, z_h.shape[-1] * self.codec.hop, device=z_h.device)
        given[..., :samples] = torch.from_numpy(low).to(z_h.device)
        generated = self.codec.decode(z_h[None], seeds=[seed_of(seed, "decode")], low=given)[..., :samples]
        if np.array_equal(low[0], low[1]):  # a side that is silent stays silent
            generated = generated.mean(dim=1, keepdim=True).expand_as(generated)
        high = part("low_band", self.sample["low_band"])(generated, given[..., :samples], cutoff_hz)[0].float().cpu().numpy()
        return np.where(digital_silence(low), np.float32(0), high)

    def _wanted_rolloff(self, rolloff: float | str | None) -> float | None:
        """The number asked for; None where it is to be predicted."""
        rolloff = self.sample["rolloff"] if rolloff is None else rolloff
        if rolloff == "predicted":
            return None
        if isinstance(rolloff, str) or not 0 <= rolloff <= 1:
            raise ValueError(f"rolloff must be a number in [0, 1] or 'predicted', not {rolloff!r}.")
        return float(rolloff)

    def _captions(self, low: np.ndarray, starts: list[int]) -> list[str]:
        """For each window the caption of the stretch, of the length that captions have in training, that holds its middle."""
        stretches = window_table(pd.DataFrame({"clip_id": [""], "samples": [low.shape[-1]]}))
        bounds = zip(stretches["start"].tolist(), stretches["samples"].tolist(), strict=True)
        sentences = [caption(low[:, start : start + samples], SAMPLE_RATE) for start, samples in bounds]
        middles = ((start + self.segment_frames / 2) * self.codec.hop / SAMPLE_RATE for start in starts)
        return [sentences[window_at(middle, len(sentences))] for middle in middles]


def _checked(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    if audio.ndim != 2 or not len(audio):
        raise ValueError(f"Audio must be [channels, samples] with at least one channel, not {list(audio.shape)}.")
    if sample_rate <= 0:
        raise ValueError(f"A sample rate is positive, not {sample_rate}.")
    if not np.isfinite(audio).all():
        raise ValueError("The audio holds values that are not finite numbers.")
    return audio.astype(np.float32, copy=False)
