"""The rows of the table: what each makes of a pair's input. Ours, the codec's ceiling, and what frames them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.low_band import replace_low_band
from saga_kedro.audio.resample import to_stereo
from saga_kedro.audio.rolloff import rolloff as measure_rolloff
from saga_kedro.evaluation.match import fit_to

if TYPE_CHECKING:
    from saga_kedro.model.codec import Codec
    from saga_kedro.model.super_resolver import SuperResolver

UNTOUCHED, CODEC, COPY_UP, ROLLOFF_REFERENCE = "untouched", "codec", "copy_up", "rolloff_reference"


@torch.no_grad()
def codec_ceiling(
    codec: Codec, reference: np.ndarray, low: np.ndarray, cutoff_hz: float, rule: str = "input_cutoff", seed: int = 0
) -> np.ndarray:
    """The reference's own latents (the posterior's mean) decoded, the input's band put back: a perfect model's output.

    Args:
        codec: frozen; takes [1, 2, N].
        reference, low: float32 [C, N] at 44.1 kHz, C 1 or 2; the result has their shape.
        cutoff_hz: of the input.
        rule: of `audio.low_band.replace_low_band`.
        seed: of the decoder's excitation, where it has one.
    """
    tensors = (*codec.parameters(), *codec.buffers()) if isinstance(codec, torch.nn.Module) else ()
    device = tensors[0].device if tensors else torch.device("cpu")
    stereo, stereo_low = (torch.from_numpy(to_stereo(audio).copy())[None].to(device) for audio in (reference, low))
    z_h = codec.encode(stereo).mean
    decoded = codec.decode(z_h, seeds=[seed])
    decoded = torch.nn.functional.pad(decoded, (0, reference.shape[1] - decoded.shape[-1]))  # a negative padding cuts
    replaced = replace_low_band(decoded, stereo_low, cutoff_hz, rule)[0].float().cpu().numpy()
    return fit_to(replaced, *reference.shape)


def ours(model: SuperResolver, low: np.ndarray, cutoff_hz: float, prompt: str | None, seed: int, **sampling: Any) -> np.ndarray:
    """The model's output, of the input's shape: float32 [C, N] at 44.1 kHz. It gets the cutoff: the test set has it."""
    output = model.super_resolve(low, SAMPLE_RATE, prompt=prompt, seed=seed, cutoff_hz=cutoff_hz, **sampling)
    return fit_to(output, *low.shape)


def oracle_rolloff(reference: np.ndarray) -> float:
    """The reference's own roll-off in [0, 1), which no user has: what it gives is labelled `rolloff_reference`."""
    return float(measure_rolloff(torch.from_numpy(np.ascontiguousarray(reference, np.float32)))[0])
