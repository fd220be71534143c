"""What a codec's latents look like: the first thing to log, since a flow is trained on them as if they were standard normal."""

from __future__ import annotations

from collections.abc import Iterable

from saga_kedro.model.codec.posterior import Posterior


def posterior_statistics(posteriors: Iterable[Posterior]) -> dict[str, float]:
    """Moments of the latents of batches of audio: ``mean`` and ``deviation`` of drawn latents; ``posterior_deviation``, the
    root mean square of the deviation within a draw; ``reliability``, the share of a latent's variance that is the audio's, the
    correlation of two encodings of the same audio: 1 for a codec without randomness, about 0 for a VAE of random weights."""
    count, total, squares, noise = 0, 0.0, 0.0, 0.0
    for posterior in posteriors:
        means = posterior.mean.double()
        count += means.numel()
        total += means.sum().item()
        squares += means.square().sum().item()
        noise += posterior.deviation.double().square().sum().item()
    if not count:
        raise ValueError("Latent statistics need at least one batch of audio.")
    mean, within = total / count, noise / count
    between = squares / count - mean**2
    variance = between + within
    return {
        "mean": mean,
        "deviation": variance**0.5,
        "posterior_deviation": within**0.5,
        "reliability": between / variance if variance > 0 else 1.0,
    }
