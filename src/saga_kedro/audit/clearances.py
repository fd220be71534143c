"""What the documents call correct, checked: on the aligned configuration and on the failing code's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.lowpass import KINDS, LOW_PASSES, LowPass
from saga_kedro.audio.rolloff import ROLLOFFS
from saga_kedro.audio.rolloff import rolloff as magnitude_rolloff
from saga_kedro.audit.data import AuditData
from saga_kedro.audit.training import give_empty_caption
from saga_kedro.draws import generator, rng
from saga_kedro.files import parameter_hash
from saga_kedro.model.codec import build_codec
from saga_kedro.model.condition import Condition
from saga_kedro.model.flow import OBJECTIVES
from saga_kedro.model.guidance import GUIDANCE
from saga_kedro.model.parts import part
from saga_kedro.model.saga_sr import SagaSR, build_model
from saga_kedro.model.sampler import SAMPLERS
from saga_kedro.model.schedule import SCHEDULES
from saga_kedro.parameters import Parameters, validate
from saga_kedro.training.fit import make_segments
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.segments import Segments, collate

AUTHORS_RESPONSE = {1.0: -10.0, 1.1: -23.0, 1.2: -56.0, 1.5: -70.0}
"""Frequency over the cutoff -> dB: the authors' low-pass (C) on white noise at 4 kHz, Chebyshev I of order 8."""
FAILING_SECONDS, FAILING_HOP = 5.94, 2_048
DRAWS = 4_000


@dataclass(frozen=True)
class Finding:
    """Whether a part is what the documents say it is, and why."""

    passes: bool
    why: str


@dataclass(frozen=True)
class Setting:
    """What a check may look at: a configuration, the model it builds, and the data."""

    name: str
    parameters: Parameters
    model: SagaSR
    data: AuditData

    def segments(self) -> Segments:
        checked = self.parameters
        segments = make_segments(self.data.clips, self.data.captions, self.data.text_states, checked, "train")
        assert isinstance(segments, Segments)
        return segments


Check = Callable[[Setting], Finding]
CHECKS: dict[str, tuple[str, str, Check]] = {}
"""Name -> the words of S1 that clear it, what is asked, the check."""


def clearance(name: str, cleared: str, question: str) -> Callable[[Check], Check]:
    def remember(check: Check) -> Check:
        CHECKS[name] = (cleared, question, check)
        return check

    return remember


def check_clearances(settings: Mapping[str, dict[str, Any]], data: AuditData) -> pd.DataFrame:
    """Every check on every configuration.

    Args:
        settings: name (``aligned``, ``as_found``) -> parameters.
        data: shared.

    Returns:
        Columns clearance, cleared (the document's words), question, and for each configuration ``<name>`` (``passes`` or
        ``fails``) and ``<name>_why``.
    """
    built = {name: _build(name, parameters, data) for name, parameters in settings.items()}
    lines = []
    for name, (cleared, question, check) in CHECKS.items():
        line: dict[str, str] = {"clearance": name, "cleared": cleared, "question": question}
        for setting_name, setting in built.items():
            finding = check(setting)
            line |= {setting_name: "passes" if finding.passes else "fails", f"{setting_name}_why": finding.why}
        lines.append(line)
    return pd.DataFrame(lines)


def _build(name: str, parameters: dict[str, Any], data: AuditData) -> Setting:
    checked = validate(parameters)
    model = build_model(checked)
    give_empty_caption(model)
    return Setting(name, checked, model, data)


def _digest(module: Any) -> str:
    tensors = module.state_dict().values() if isinstance(module, nn.Module) else []
    return parameter_hash(
        [float(value.double().sum()) for value in tensors], [float(value.double().norm()) for value in tensors]
    )


def _batch(setting: Setting, size: int = 2) -> dict[str, Any]:
    segments = setting.segments()
    return collate([segments[index] for index in range(size)])


@clearance(
    "frozen",
    "正确使用了DiT作为核心模型，并冻结了VAE和T5编码器，只训练DiT和自定义模块。",
    "Are codec and text encoder unchanged after steps?",
)
def frozen(setting: Setting) -> Finding:
    training = FlowTraining(setting.model.network, setting.model.codec, setting.parameters.fit)
    training.log = lambda *_, **__: None  # type: ignore[method-assign]  # there is no trainer
    before = (_digest(setting.model.codec), _digest(setting.model.text_encoder.model))
    optimiser = training.configure_optimizers()["optimizer"]
    start = {name: value.clone() for name, value in setting.model.network.state_dict().items()}
    # Two steps: the first moves only what lies behind output layers that start at zero.
    for step in range(2):
        loss = training.training_step(_batch(setting), step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    unchanged = before == (_digest(setting.model.codec), _digest(setting.model.text_encoder.model))
    moved = sum(not torch.equal(start[name], value) for name, value in setting.model.network.named_parameters())
    setting.model.network.load_state_dict(start)
    all_of_them = len(list(setting.model.network.parameters()))
    said = "did not change" if unchanged else "changed"
    why = f"codec and text encoder {said} in two steps; {moved} of the network's {all_of_them} tensors did"
    return Finding(unchanged and moved > 0, why)


@clearance(
    "codec_weights",
    "模型骨架和参数冻结",
    "Does the frozen codec know anything: do two encodings of the same audio agree, and is it in eval mode?",
)
def codec_weights(setting: Setting) -> Finding:
    codec: Any = setting.model.codec
    audio = _batch(setting)["high"]
    one, other = codec.encode(audio).draw([1, 2]), codec.encode(audio).draw([3, 4])
    together = float(torch.corrcoef(torch.stack([_centred(one), _centred(other)]))[0, 1])
    mode = "in eval mode" if not getattr(codec, "training", False) else "in training mode"
    passes = together > 0.5 and mode == "in eval mode"
    return Finding(passes, f"two encodings of the same audio correlate {together:.3f} beyond each channel's mean; {mode}")


def _centred(z: Tensor) -> Tensor:
    return (z - z.mean(dim=(0, 2), keepdim=True)).flatten()


@clearance(
    "objective",
    "Flow Matching 损失函数完全正确，包括噪声插值、目标速度计算和 MSE 损失，与论文公式一致。",
    "Is the target the velocity of the path, from noise to data or back?",
)
def objective(setting: Setting) -> Finding:
    chosen = part("objective", OBJECTIVES, setting.parameters.fit.objective)
    source = generator("clearance", "objective")
    z_h, noise = torch.randn(2, 4, 8, generator=source), torch.randn(2, 4, 8, generator=source)
    t, step = torch.tensor([0.3, 0.7]), 1e-3
    velocity = (chosen.interpolate(z_h, noise, t + step) - chosen.interpolate(z_h, noise, t - step)) / (2 * step)
    exact = torch.allclose(velocity, chosen.target(z_h, noise), atol=1e-3)
    data_first = torch.allclose(chosen.interpolate(z_h, noise, torch.zeros(2)), z_h)
    where = "t = 0 is data" if data_first else "t = 0 is noise"
    return Finding(exact, f"the target {'is' if exact else 'is not'} dz/dt along the path; {where}")


@clearance(
    "sampling_direction",
    "验证采样和input_concat_cond完全符合原文，并没有出现问题",
    "Does the sampler, given the exact velocity of the trained convention, arrive at the data?",
)
def sampling_direction(setting: Setting) -> Finding:
    chosen = part("objective", OBJECTIVES, setting.parameters.fit.objective)
    source = generator("clearance", "sampling")
    z_h, noise = torch.randn(1, 4, 64, generator=source), torch.randn(1, 4, 64, generator=source)
    data_first = torch.allclose(chosen.interpolate(z_h, noise, torch.zeros(1)), z_h)

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        """Of the flow to one point of data, which is known: what a perfect network trained so would say."""
        share = (t if data_first else 1 - t)[:, None, None].clamp(min=1e-3)
        towards_noise = (z - z_h) / share
        return towards_noise if data_first else -towards_noise

    schedule = part("schedule", SCHEDULES, setting.parameters.sample.schedule)(setting.parameters.sample.steps)
    arrived = part("sampler", SAMPLERS, setting.parameters.sample.sampler)(velocity, noise, schedule, None)
    error = float((arrived - z_h).square().mean().sqrt())
    return Finding(error < 0.1, f"a perfect network arrives {error:.3g} deviations away from the data")


@clearance(
    "low_pass",
    "完全复现了论文描述的随机低通滤波过程（滤波器类型、截止频率、阶数均符合标准）。",
    "Is the response the authors', and does every filter stay finite?",
)
def low_pass(setting: Setting) -> Finding:
    filtering = part("low_pass", LOW_PASSES, setting.parameters.degrade.low_pass)
    noise = rng("clearance", "low_pass").standard_normal((1, 4 * SAMPLE_RATE)).astype(np.float32) / 10
    response = _response(noise, filtering(noise, SAMPLE_RATE, LowPass("chebyshev", 8, 4_000)))
    levels = {ratio: response(4_000 * ratio) for ratio in AUTHORS_RESPONSE}
    close = all(abs(levels[ratio] - wanted) <= 6 for ratio, wanted in AUTHORS_RESPONSE.items())
    short = noise[:, :SAMPLE_RATE]
    broken = []
    for kind in KINDS:
        for order in range(2, 11):
            for cutoff in (2_000, 4_000, 8_000, 16_000):
                out = filtering(short, SAMPLE_RATE, LowPass(kind, order, cutoff))
                if not np.isfinite(out).all() or np.abs(out).max() > 10 * np.abs(short).max():
                    broken.append(f"{kind} {order} at {cutoff} Hz")
    said = ", ".join(f"{levels[ratio]:.0f} dB at {ratio:g} x" for ratio in AUTHORS_RESPONSE)
    stable = "all of 144 filters stay finite" if not broken else f"{len(broken)} of 144 filters blow up ({broken[0]})"
    return Finding(close and not broken, f"4 kHz: {said} (authors: -10, -23, -56, -70); {stable}")


def _response(before: np.ndarray, after: np.ndarray) -> Callable[[float], float]:
    from scipy.signal import welch

    # Blackman-Harris: what leaks from the passband lies under -90 dB
    options = {"fs": SAMPLE_RATE, "nperseg": 8_192, "window": "blackmanharris"}
    frequencies, power = welch(before[0].astype(np.float64), **options)
    _, filtered = welch(after[0].astype(np.float64), **options)

    def at(frequency: float) -> float:
        near = np.abs(frequencies - frequency) < 40
        return float(10 * np.log10(filtered[near].sum() / power[near].sum() + 1e-30))

    return at


@clearance(
    "segment",
    "**音频分块**: 正确地将音频处理为 5.94 秒的片段。",
    "Is a segment a whole number of latents, does it start anywhere, and do audio and latents have one length?",
)
def segment(setting: Setting) -> Finding:
    hop, samples = setting.model.codec.hop, setting.parameters.model.segment_samples
    said = f"{samples:,} samples"
    if setting.name != "aligned":
        hop, samples = FAILING_HOP, int(SAMPLE_RATE * FAILING_SECONDS)
        said = f"int(44,100 x 5.94) = {samples:,} samples"
    decoded = samples // hop * hop
    segments = setting.segments()
    longest = int(np.argmax(segments.clips.samples))
    spare = int(segments.clips.samples[longest]) - segments.segment_samples
    starts = {int(rng("segment", *segments.name(longest, 0, k)).integers(spare + 1)) for k in range(8)} if spare > 0 else {0}
    shift = samples - decoded
    moves = len(starts) > 1 or spare <= 0
    beginning = "starts are random" if moves else "it always starts at the same sample"
    return Finding(shift == 0 and moves, f"{said} are {samples / hop:.4g} latents, {shift:,} samples are lost; {beginning}")


@clearance(
    "rolloff_percentage",
    "**频谱滚降点 (Spectral Roll-off)**: 调用了特征提取函数，并使用了论文中指定的滚降百分比（0.985）。",
    "Is it the frequency below which 98.5 % of the magnitude lies?",
)
def rolloff_percentage(setting: Setting) -> Finding:
    chosen = part("rolloff", ROLLOFFS, setting.parameters.model.rolloff)
    audio = _batch(setting, 6)["high"]
    ours, wanted = chosen(audio), magnitude_rolloff(audio)
    apart = float((ours - wanted).abs().max())
    mean, right = (22.05 * float(values.mean()) for values in (ours, wanted))
    return Finding(
        apart <= 2 / 1025, f"on training segments {mean:.1f} kHz in the mean; of the magnitude it is {right:.1f} kHz"
    )


@clearance(
    "text_drop",
    "以 10% 的概率将文本 prompt 置空，这是为文本条件实现 CFG 训练的正确方法。",
    "Is one text in ten dropped, and is what is left a null that carries nothing?",
)
def text_drop(setting: Setting) -> Finding:
    training = FlowTraining(setting.model.network, setting.model.codec, setting.parameters.fit)
    share = float(
        training.dropped("drop context", setting.parameters.fit.drop_context, [str(n) for n in range(DRAWS)]).float().mean()
    )
    network = setting.model.network
    condition = _condition(setting)
    dropped = torch.ones(1, dtype=torch.bool)
    context = network.inputs(condition, drop_context=dropped)["cross_attn_cond"]
    text = context[:, : condition.text.shape[1]]
    null = "zeros" if not text.any() else "the states of an empty caption"
    passes = abs(share - 0.1) < 0.02 and not text.any()
    return Finding(passes, f"dropped in {share:.1%} of {DRAWS:,} draws; what is left is {null}")


@clearance("z_l_alignment", "input_concat_cond完全符合原文，并没有出现问题", "Do z_l and z_h say the same at the same time?")
def z_l_alignment(setting: Setting) -> Finding:
    codec = build_codec(**setting.parameters.model.codec.model_dump())
    hop, frames = codec.hop, 32
    audio = torch.zeros(1, 2, frames * hop)
    at = 20 * hop + hop // 2
    audio[..., at - 32 : at + 32] = torch.randn(64, generator=generator("clearance", "click"))
    quiet = codec.encode(torch.zeros_like(audio)).draw([1])
    filtering = part("low_pass", LOW_PASSES, setting.parameters.degrade.low_pass)
    low = torch.from_numpy(filtering(audio[0].numpy(), SAMPLE_RATE, LowPass("butterworth", 4, 4_000)))[None]
    found = [int((codec.encode(x).draw([1]) - quiet).square().mean(dim=1)[0].argmax()) for x in (audio, low)]
    passes = all(abs(frame - 20) <= 2 for frame in found)  # a codec may smear, or delay a little
    return Finding(passes, f"a click in frame 20 shows in frame {found[0]} of z_h and {found[1]} of z_l")


@clearance(
    "z_l_presence",
    "input_concat_cond完全符合原文，并没有出现问题",
    "Is z_l in the branches where equation 4 has it, and nowhere else?",
)
def z_l_presence(setting: Setting) -> Finding:
    seen: list[tuple[bool, bool]] = []
    network = setting.model.network
    condition = _condition(setting)
    dit: Any = network.dit
    original = dit.forward

    def watch(z_t: Tensor, t: Tensor, **inputs: Any) -> Tensor:
        for index in range(len(z_t)):
            z_l = inputs["input_concat_cond"][index]
            has_rolloff = inputs.get("global_cond") is not None or inputs.get("prepend_cond") is not None
            seen.append((bool((z_l - network.null_latent).abs().max() > 1e-3), has_rolloff))
        return torch.zeros_like(z_t)

    dit.forward = watch
    try:
        guidance = part("guidance", GUIDANCE, setting.parameters.sample.guidance)
        guidance(network, torch.zeros_like(condition.z_l), torch.full((1,), 0.5), condition, 1.4, 1.2)
    finally:
        dit.forward = original
    z_l, rolloff = [has for has, _ in seen], [has for _, has in seen]
    passes = z_l == [False, True, True] and all(rolloff)
    return Finding(
        passes, f"z_l is in {sum(z_l)} of {len(z_l)} branches (equation 4: 2 of 3), the roll-off in {sum(rolloff)} (3)"
    )


def _condition(setting: Setting) -> Condition:
    source = generator("clearance", "condition")
    channels, width = setting.model.network.latent_channels, setting.model.network.text_width
    return Condition(
        z_l=torch.randn(1, channels, 8, generator=source),
        text=torch.randn(1, 6, width, generator=source),
        f_l=torch.tensor([0.2]),
        f_h=torch.tensor([0.8]),
    )
