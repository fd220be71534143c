"""Low-frequency replacement: the output keeps the input's own band (P, section 4.1, "as AudioSR")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from saga_kedro.audio import SAMPLE_RATE

N_FFT = 2_048
HOP = 512
FADE_BINS = 16
LEVEL_FRAMES = 258
"""Frames over which levels are compared: 3 s. Shorter clips have one gain; in longer ones it follows the sound, and any part
of a clip can be done by itself with 1.5 s on each side."""

FILLED_FROM = 0.9  # of the cutoff: under it the input stays as it is

Rule = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def replace_low_band(
    generated: torch.Tensor,
    low: torch.Tensor,
    cutoff_hz: float | Sequence[float] | torch.Tensor,
    rule: str = "input_cutoff",
) -> torch.Tensor:
    """Take the band below the cutoff from the input and the rest from the generated audio, by STFT (Hann 2,048 / 512).

    Args:
        generated: float [batch, channels, samples] or [channels, samples] at 44.1 kHz.
        low: the input, of the same shape.
        cutoff_hz: of the input, one number or one per item. ``authors`` measures its own and takes no notice.
        rule: a name in ``RULES``.

    Returns:
        float32 of the same shape.

    Raises:
        ValueError: an unknown rule, or shapes that differ.
    """
    if rule not in RULES:
        raise ValueError(f"There is no low-band rule {rule!r}; the rules are {', '.join(RULES)}.")
    if generated.shape != low.shape:
        raise ValueError(f"Generated audio {tuple(generated.shape)} and input {tuple(low.shape)} must have the same shape.")
    if generated.shape[-1] == 0:
        return generated.float()
    shape = generated.shape
    batch = (1, *shape)[-3]
    cutoff = torch.as_tensor(cutoff_hz, dtype=torch.float64, device=generated.device).expand(batch)
    bins = (cutoff * N_FFT / SAMPLE_RATE).round().long().clamp(0, N_FFT // 2 + 1)
    spectra = [_stft(audio.reshape(-1, shape[-1]).float()).unflatten(0, (batch, -1)) for audio in (generated, low)]
    replaced = RULES[rule](spectra[0], spectra[1], bins)
    return _istft(replaced.flatten(0, 1), shape[-1]).reshape(shape)


def input_cutoff(generated: torch.Tensor, low: torch.Tensor, bins: torch.Tensor) -> torch.Tensor:
    """The default: bins [0, c) are the input's, exactly; the generated band above is scaled to meet it.

    The scale is clamp(sum|in| / sum|out|, 0.8, 1.2), the sums over 3 s of frames and over the bins [0.7 c, 0.85 c), which
    hardly any low-pass has touched. C divides the input's band by that ratio instead.

    Args:
        generated, low: STFT, complex [batch, channels, 1025, frames].
        bins: c of each item, int64 [batch].
    """
    index = torch.arange(generated.shape[-2], device=bins.device)
    seam = (index >= (0.7 * bins[:, None]).floor()) & (index < (0.85 * bins[:, None]).ceil())
    kept = _across(index < bins[:, None])
    return torch.where(kept, low, generated * _gain(generated, low, _across(seam)))


def cross_fade(generated: torch.Tensor, low: torch.Tensor, bins: torch.Tensor) -> torch.Tensor:
    """A linear fade from input to generated audio over the 16 bins (344 Hz) that end at the cutoff; no level is changed.

    Args:
        generated, low: STFT, complex [batch, channels, 1025, frames].
        bins: the cutoff of each item, int64 [batch].
    """
    index = torch.arange(generated.shape[-2], device=bins.device)
    share = _across(((bins[:, None] - index) / (FADE_BINS + 1)).clamp(0, 1))
    return low * share + generated * (1 - share)


def authors(generated: torch.Tensor, low: torch.Tensor, bins: torch.Tensor) -> torch.Tensor:
    """C's rule (util/util_audiosr.py, wav_replace_ops), per channel: bins [0, c) are the input's *divided* by
    clamp(sum|in[c]| / sum|out[c]|, 0.8, 1.2), with c the input's own 98.5 % bin.

    Args:
        generated, low: STFT, complex [batch, channels, 1025, frames].
        bins: not used.
    """
    accumulated = low.abs().sum(dim=-1, dtype=torch.float64).cumsum(dim=-1)
    edge = ((accumulated < 0.985 * accumulated[..., -1:]).sum(dim=-1) - 1).clamp(min=0)[..., None]
    index = torch.arange(generated.shape[-2], device=bins.device)
    gain = _gain(generated, low, (index == edge)[..., None])
    return torch.where((index < edge)[..., None], low / gain, generated)


def seamless(generated: torch.Tensor, low: torch.Tensor, bins: torch.Tensor) -> torch.Tensor:
    """As `input_cutoff`, with what the low-pass took of the bins [0.9 c, c) filled up to the generated level.

    There the input keeps what it has; generated audio is added with the power that the input lacks, levels being means over
    9 bins and 5 frames.

    Args:
        generated, low: STFT, complex [batch, channels, 1025, frames].
        bins: c of each item, int64 [batch].
    """
    index = torch.arange(generated.shape[-2], device=bins.device)
    have, want = (_level(spectrum) for spectrum in (low, generated))
    missing = (1 - have / want.clamp(min=torch.finfo(want.dtype).tiny)).clamp(min=0).sqrt()
    bitten = _across((index >= (FILLED_FROM * bins[:, None]).ceil()) & (index < bins[:, None]))
    return input_cutoff(generated, low, bins) + torch.where(bitten, generated * missing, 0)


RULES: dict[str, Rule] = {
    "input_cutoff": input_cutoff,
    "seamless": seamless,
    "authors": authors,
    "cross_fade": cross_fade,
}


def _level(spectrum: torch.Tensor) -> torch.Tensor:
    """Power averaged over 9 bins and 5 frames."""
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.nn.functional.avg_pool2d(power, (9, 5), stride=1, padding=(4, 2), count_include_pad=False)


def _gain(generated: torch.Tensor, low: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    # [batch, channels, 1, frames]; 1 where one of the two is silent: there is no level to meet
    have, want = (_around((spectrum.abs() * where).sum(dim=-2, keepdim=True)) for spectrum in (generated, low))
    ratio = torch.where((have > 0) & (want > 0), want / have.clamp(min=torch.finfo(have.dtype).tiny), 1.0)
    return ratio.clamp(0.8, 1.2).to(low.real.dtype)


def _around(per_frame: torch.Tensor) -> torch.Tensor:
    """The sum over the ``LEVEL_FRAMES`` around each frame; at both ends the first and the last so many."""
    frames = per_frame.shape[-1]
    start = (torch.arange(frames, device=per_frame.device) - LEVEL_FRAMES // 2).clamp(0, max(0, frames - LEVEL_FRAMES))
    total = torch.nn.functional.pad(per_frame.double().cumsum(dim=-1), (1, 0))
    return total[..., (start + LEVEL_FRAMES).clamp(max=frames)] - total[..., start]


def _across(per_bin: torch.Tensor) -> torch.Tensor:
    return per_bin[:, None, :, None]


def _stft(audio: torch.Tensor) -> torch.Tensor:
    window = torch.hann_window(N_FFT, device=audio.device)
    return torch.stft(audio, N_FFT, HOP, window=window, center=True, pad_mode="constant", return_complex=True)


def _istft(spectrum: torch.Tensor, samples: int) -> torch.Tensor:
    window = torch.hann_window(N_FFT, device=spectrum.device)
    return torch.istft(spectrum, N_FFT, HOP, window=window, center=True, length=samples)
