"""The parts that the documents call correct, checked in the aligned and the failing configuration; words.yml has the words."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.signal import welch
from torch import Tensor, nn
from torch.utils.data import default_collate

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import KINDS, LOW_PASSES, LowPass
from saga_kedro.audio.rolloff import ROLLOFFS
from saga_kedro.audio.rolloff import rolloff as magnitude_rolloff
from saga_kedro.audit.data import AuditData
from saga_kedro.audit.training import fresh_model, steps_on, tensors_hash
from saga_kedro.draws import generator, rng
from saga_kedro.model.condition import Condition
from saga_kedro.model.flow import OBJECTIVES
from saga_kedro.model.guidance import GUIDANCE
from saga_kedro.model.parts import part
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.sampler import SAMPLERS
from saga_kedro.model.schedule import SCHEDULES
from saga_kedro.parameters import Parameters
from saga_kedro.training.batches import chosen
from saga_kedro.training.examples import make_segments
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.segments import Segments

AUTHORS_RESPONSE = {1.0: -10.0, 1.1: -23.0, 1.2: -56.0, 1.5: -70.0}
"""Frequency over the cutoff -> dB: the authors' low-pass (C) on white noise at 4 kHz, Chebyshev I of order 8."""
DRAWS = 4_000


class Finding(NamedTuple):
    """Whether a part is what the documents say; the code of the reason, and its values."""

    passes: bool
    why: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """What a check may look at: a configuration, its untrained model, and the data."""

    name: str
    parameters: Parameters
    model: SagaSR
    data: AuditData

    def segments(self) -> Segments:
        return make_segments(self.data.clips, self.data.captions, self.data.text_states, self.parameters, "train")

    def batch(self, size: int = 2) -> dict[str, Any]:
        segments = self.segments()
        return default_collate([segments[index] for index in range(size)])

    def training(self) -> FlowTraining:
        return FlowTraining(self.model.network, self.model.codec, self.parameters.fit)

    def condition(self) -> Condition:
        """Of one item, drawn."""
        source, network = generator("clearance", "condition"), self.model.network
        return Condition(
            z_l=torch.randn(1, network.latent_channels, 8, generator=source),
            text=torch.randn(1, 6, network.text_width, generator=source),
            f_l=torch.tensor([0.2]),
            f_h=torch.tensor([0.8]),
        )


def check_clearances(settings: Mapping[str, Parameters], data: AuditData) -> pd.DataFrame:
    """Every check on every configuration (``aligned``, ``as_found``): a row per check.

    Columns: ``clearance``, and by configuration ``<name>`` (``passes`` or ``fails``), ``<name>_why`` (a code) and
    ``<name>_values`` (JSON).
    """
    built = [Setting(name, parameters, fresh_model(parameters), data) for name, parameters in settings.items()]
    lines = []
    for check in CHECKS:
        line = {"clearance": check.__name__}
        for setting in built:
            name, (passes, why, values) = setting.name, check(setting)
            line |= {name: "passes" if passes else "fails", f"{name}_why": why, f"{name}_values": json.dumps(values)}
        lines.append(line)
    return pd.DataFrame(lines)


def frozen(setting: Setting) -> Finding:
    """Two steps of training leave codec and text encoder, and move the network."""
    network, model = setting.model.network, setting.model
    start = {name: value.clone() for name, value in network.state_dict().items()}
    others: list[Any] = [module for module in (model.codec, model.text_encoder.model) if isinstance(module, nn.Module)]
    before = [tensors_hash(module.state_dict()) for module in others]
    # Two steps: the first moves only what lies behind output layers that start at zero.
    list(steps_on(setting.training(), [setting.batch()] * 2))
    unchanged = before == [tensors_hash(module.state_dict()) for module in others]
    moved = [not torch.equal(start[name], value) for name, value in network.named_parameters()]
    network.load_state_dict(start)
    why = "frozen_unchanged" if unchanged else "frozen_changed"
    return Finding(unchanged and any(moved), why, {"moved": sum(moved), "of": len(moved)})


def codec_weights(setting: Setting) -> Finding:
    """Two draws of the same audio's latents agree."""
    codec: Any = setting.model.codec
    posterior = codec.encode(setting.batch()["high"])
    one, other = ((z - z.mean(dim=(0, 2), keepdim=True)).flatten() for z in (posterior.draw([1, 2]), posterior.draw([3, 4])))
    together = float(torch.corrcoef(torch.stack([one, other]))[0, 1])
    mode = "training_mode" if getattr(codec, "training", False) else "eval_mode"
    return Finding(together > 0.5 and mode == "eval_mode", "codec_correlation", {"correlation": together, "mode": mode})


def objective(setting: Setting) -> Finding:
    """The target is the derivative of the path."""
    chosen = part("objective", OBJECTIVES, setting.parameters.fit.objective)
    source = generator("clearance", "objective")
    z_h, noise = torch.randn(2, 4, 8, generator=source), torch.randn(2, 4, 8, generator=source)
    t, step = torch.tensor([0.3, 0.7]), 1e-3
    velocity = (chosen.interpolate(z_h, noise, t + step) - chosen.interpolate(z_h, noise, t - step)) / (2 * step)
    exact = torch.allclose(velocity, chosen.target(z_h, noise), atol=1e-3)
    start = "data" if torch.allclose(chosen.interpolate(z_h, noise, torch.zeros(2)), z_h) else "noise"
    return Finding(exact, "objective_exact" if exact else "objective_other", {"start": start})


def sampling_direction(setting: Setting) -> Finding:
    """The sampler arrives at the data on the velocity of a perfect network trained in the configuration's convention."""
    chosen = part("objective", OBJECTIVES, setting.parameters.fit.objective)
    source = generator("clearance", "sampling")
    z_h, noise = torch.randn(1, 4, 64, generator=source), torch.randn(1, 4, 64, generator=source)
    data_first = torch.allclose(chosen.interpolate(z_h, noise, torch.zeros(1)), z_h)

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        """Of the flow to one point of data, which is known."""
        share = (t if data_first else 1 - t)[:, None, None].clamp(min=1e-3)
        towards_noise = (z - z_h) / share
        return towards_noise if data_first else -towards_noise

    sample = setting.parameters.sample
    times = part("schedule", SCHEDULES, sample.schedule)(sample.steps)
    arrived = part("sampler", SAMPLERS, sample.sampler)(velocity, noise, times, None)
    error = float((arrived - z_h).square().mean().sqrt())
    return Finding(error < 0.1, "arrives", {"error": error})


def low_pass(setting: Setting) -> Finding:
    """The response is the authors', and no filter blows up."""
    filtering = part("low_pass", LOW_PASSES, setting.parameters.degrade.low_pass)
    noise = rng("clearance", "low_pass").standard_normal((1, 4 * SAMPLE_RATE)).astype(np.float32) / 10
    filtered = filtering(noise, SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
    levels = _response(noise, filtered, [4_000 * ratio for ratio in AUTHORS_RESPONSE])
    close = all(abs(level - wanted) <= 6 for level, wanted in zip(levels, AUTHORS_RESPONSE.values(), strict=True))
    short = noise[:, :SAMPLE_RATE]
    filters = [LowPass(k, order, hz) for k in KINDS for order in range(2, 11) for hz in (2_000, 4_000, 8_000, 16_000)]
    broken = []
    for low in filters:
        out = filtering(short, SAMPLE_RATE, low)
        if not np.isfinite(out).all() or np.abs(out).max() > 10 * np.abs(short).max():
            broken.append(f"{low.kind} {low.order}, {low.cutoff_hz:g} Hz")
    values = {"levels": ", ".join(f"{level:.0f}" for level in levels), "of": len(filters)}
    if broken:
        return Finding(False, "low_pass_broken", values | {"broken": len(broken), "first": broken[0]})
    return Finding(close, "low_pass_stable", values)


def _response(before: np.ndarray, after: np.ndarray, frequencies: Sequence[float]) -> list[float]:
    """What a filter does to the level at each frequency (Hz), in dB."""
    # Blackman-Harris: what leaks from the passband lies under -90 dB
    options = {"fs": SAMPLE_RATE, "nperseg": 8_192, "window": "blackmanharris"}
    bins, power = welch(before[0].astype(np.float64), **options)
    _, filtered = welch(after[0].astype(np.float64), **options)
    around = [np.abs(bins - frequency) < 40 for frequency in frequencies]
    return [float(10 * np.log10(filtered[near].sum() / power[near].sum() + 1e-30)) for near in around]


def segment(setting: Setting) -> Finding:
    """A segment is a whole number of latents, and starts anywhere."""
    aligned = setting.name == "aligned"
    ours, theirs = (setting.model.codec.hop, setting.parameters.model.segment_samples), (2_048, int(SAMPLE_RATE * 5.94))
    hop, samples = ours if aligned else theirs
    segments = setting.segments()
    longest = int(np.argmax(segments.clips.samples))
    spare = int(segments.clips.samples[longest]) - segments.segment_samples
    starts = {int(rng("segment", *segments.name(longest, 0, k)).integers(spare + 1)) for k in range(8)} if spare > 0 else {0}
    moves = len(starts) > 1 or spare <= 0
    starting = "random_starts" if moves else "one_start"
    values = {"samples": samples, "latents": samples / hop, "lost": samples % hop, "starts": starting}
    return Finding(samples % hop == 0 and moves, "segment_latents" if aligned else "segment_as_found", values)


def rolloff_percentage(setting: Setting) -> Finding:
    """The roll-off is that of the magnitude."""
    audio = setting.batch(6)["high"]
    ours, wanted = part("rolloff", ROLLOFFS, setting.parameters.model.rolloff)(audio), magnitude_rolloff(audio)
    mean, right = (22.05 * float(values.mean()) for values in (ours, wanted))
    return Finding(float((ours - wanted).abs().max()) <= 2 / 1025, "rolloff_means", {"mean": mean, "right": right})


def text_drop(setting: Setting) -> Finding:
    """One text in ten is dropped, completely."""
    names, probability = [str(n) for n in range(DRAWS)], setting.parameters.fit.drop_context
    share = float(chosen("drop context", probability, names).float().mean())
    condition = setting.condition()
    inputs = setting.model.network.inputs(condition, drop_context=torch.ones(1, dtype=torch.bool))
    empty = not inputs["cross_attn_cond"][:, : condition.text.shape[1]].any()
    values = {"share": share, "draws": DRAWS, "null": "zeros" if empty else "empty_caption"}
    return Finding(abs(share - 0.1) < 0.02 and empty, "text_dropped", values)


def z_l_alignment(setting: Setting) -> Finding:
    """A click is in the same frame of z_h and z_l."""
    codec, frames = setting.model.codec, 32
    audio = torch.zeros(1, 2, frames * codec.hop)
    at = 20 * codec.hop + codec.hop // 2
    audio[..., at - 32 : at + 32] = torch.randn(64, generator=generator("clearance", "click"))
    quiet = codec.encode(torch.zeros_like(audio)).draw([1])
    filtering = part("low_pass", LOW_PASSES, setting.parameters.degrade.low_pass)
    low = torch.from_numpy(filtering(audio[0].numpy(), SAMPLE_RATE, LowPass("butterworth", 4, 4_000)))[None]
    z_h, z_l = (int((codec.encode(x).draw([1]) - quiet).square().mean(dim=1)[0].argmax()) for x in (audio, low))
    near = all(abs(frame - 20) <= 2 for frame in (z_h, z_l))  # a codec may smear, or delay a little
    return Finding(near, "click_frames", {"z_h": z_h, "z_l": z_l})


def z_l_presence(setting: Setting) -> Finding:
    """z_l and the roll-off are in the branches of guidance where equation 4 has them."""
    z_l, rolloff = list[bool](), list[bool]()
    network, condition = setting.model.network, setting.condition()
    dit: Any = network.dit
    original = dit.forward

    def watch(z_t: Tensor, t: Tensor, **inputs: Any) -> Tensor:
        has_rolloff = inputs.get("global_cond") is not None or inputs.get("prepend_cond") is not None
        for one in inputs["input_concat_cond"]:
            z_l.append(bool((one - network.null_latent).abs().max() > 1e-3))
            rolloff.append(has_rolloff)
        return torch.zeros_like(z_t)

    dit.forward = watch
    try:
        guidance = part("guidance", GUIDANCE, setting.parameters.sample.guidance)
        guidance(network, torch.zeros_like(condition.z_l), torch.full((1,), 0.5), condition, 1.4, 1.2)
    finally:
        dit.forward = original
    values = {"z_l": sum(z_l), "branches": len(z_l), "rolloff": sum(rolloff)}
    return Finding(z_l == [False, True, True] and all(rolloff), "branches", values)


CHECKS: tuple[Callable[[Setting], Finding], ...] = (
    frozen,
    codec_weights,
    objective,
    sampling_direction,
    low_pass,
    segment,
    rolloff_percentage,
    text_drop,
    z_l_alignment,
    z_l_presence,
)
