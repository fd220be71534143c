"""What fits a person's numbers: yardsticks, then causes, most likely first, each with the command that confirms it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from saga_kedro.audit.as_found.gradients import FIRST_SCALE

UNTOUCHED_LSD = (2.3, 3.7)
"""LSD of unprocessed 4 and 8 kHz inputs in the paper's table 1, log10 of power."""
ZERO_LSD, INT16_LSD = (19.0, 22.5), (28.0, 33.0)
"""LSD (log10 of power) of an all-zero output, and of one against a reference in int16 scale (docs/audit.md: 21.8 and 30.8)."""
PAPER_SAMPLES = 262_144
UNLOADED_STD, TRUE_NORM = 0.705, 1.2
"""Deviation of the latents of a VAE without weights; the largest true gradient norm of the audit's trainings (docs/audit.md)."""


@dataclass(frozen=True)
class Evidence:
    """What a person has; None is not known.

    Attributes:
        loss: where the training loss settled.
        latent_std: deviation of the latents that are trained on.
        timesteps: distribution of t, ``uniform`` or ``logit_normal``.
        lsd, sdr: as reported.
        samples: of an evaluation item.
        grad_norms: as logged, in the order of steps.
    """

    loss: float | None = None
    latent_std: float | None = None
    timesteps: str = "uniform"
    lsd: float | None = None
    sdr: float | None = None
    samples: int | None = None
    grad_norms: Sequence[float] = ()


@dataclass(frozen=True)
class Cause:
    """Something that would explain the evidence.

    Attributes:
        says: what it is.
        because: which evidence speaks for it.
        likelihood: 0 to 1; only the order means anything.
        issue: that tries it.
        advice: what to do, where that is more than to try the issue.
    """

    says: str
    because: str
    likelihood: float
    issue: str = ""
    advice: str = ""

    @property
    def confirm(self) -> str:
        """The command that would confirm it."""
        command = f"kedro run --pipeline audit --params audit.issue={self.issue}"
        return command if self.issue else "look at the file that is named"


@dataclass(frozen=True)
class Yardstick:
    """A number to hold the evidence against; ``curve`` is the curve that it is drawn across: ``loss``, ``norm`` or none."""

    what: str
    value: float
    meaning: str
    curve: str = ""


def yardsticks(evidence: Evidence) -> list[Yardstick]:
    """The numbers that the evidence's own settings predict.

    Raises:
        ValueError: an unknown distribution of t.
    """
    from saga_kedro.training.yardsticks import gaussian_floor

    found: list[Yardstick] = []
    if evidence.loss is not None or evidence.latent_std is not None:
        t, s = evidence.timesteps, 1.0 if evidence.latent_std is None else evidence.latent_std
        given = "" if evidence.latent_std is not None else " (taken for 1: give --latent-std)"
        nothing = f"1 + s^2 for latents of deviation s = {s:g}{given}"
        unloaded = f"latents of deviation {UNLOADED_STD:g}, which are noise; under {t} t"
        found += [
            Yardstick("loss that predicts nothing", 1 + s**2, nothing, "loss"),
            Yardstick(
                "loss that knows the variance only",
                gaussian_floor(s, t),
                f"the floor on latents that are noise, under {t} t",
                "loss",
            ),
            Yardstick("floor of a VAE without weights", gaussian_floor(UNLOADED_STD, t), unloaded, "loss"),
        ]
    if evidence.loss is not None:
        meaning = "an unloaded VAE's latents have 0.69 to 0.77; Stable Audio Open's have about 1"
        found.append(Yardstick("deviation whose floor is your loss", deviation_of(evidence.loss, evidence.timesteps), meaning))
    if evidence.lsd is not None:
        meaning = "an untouched 4 kHz input has 2.9 to 3.7"
        found.append(Yardstick("your LSD, read as dB, in the paper's unit", evidence.lsd / 10, meaning))
    if evidence.sdr is not None:
        mean, low, high = unrelated_si_sdr(evidence.samples or PAPER_SAMPLES)
        meaning = f"90 % lie between {low:.0f} and {high:.0f} dB; of two pieces of music about -40"
        found.append(Yardstick("SI-SDR of an unrelated white estimate", mean, meaning))
    if evidence.grad_norms:
        first, scaled = evidence.grad_norms[0] / FIRST_SCALE, TRUE_NORM * FIRST_SCALE
        meaning = "the largest of the audit's trainings: logged after unscaling, yours should be about as small"
        found += [
            Yardstick("your gradient norm under a loss scale of 65,536", first, "what the true norm would then be"),
            Yardstick("a true gradient norm", TRUE_NORM, meaning, "norm"),
            Yardstick("the same under a loss scale of 65,536", scaled, "float16's first scale; it halves on overflow", "norm"),
        ]
    return found


def deviation_of(loss: float, timesteps: str) -> float:
    """The deviation of Gaussian latents whose floor is ``loss``, by bisection; the floor grows with it."""
    from saga_kedro.training.yardsticks import gaussian_floor

    low, high = 1e-3, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if gaussian_floor(middle, timesteps) < loss else (low, middle)
    return (low + high) / 2


def unrelated_si_sdr(samples: int) -> tuple[float, float, float]:
    """SI-SDR in dB of an estimate that has nothing to do with its reference, both white: mean, 5th and 95th percentile.

    |<s, s_hat>|^2 / (|s|^2 |s_hat|^2) is then chi-squared with one degree of freedom over N; the mean of 10 log10 of it is
    10 (psi(1/2) + ln 2) / ln 10 - 10 log10 N: -59.7 for 262,144 samples.
    """
    from scipy.special import digamma
    from scipy.stats import chi2

    mean = 10 / math.log(10) * (float(digamma(0.5)) + math.log(2)) - 10 * math.log10(samples)
    low, high = (10 * math.log10(chi2.ppf(level, 1) / samples) for level in (0.05, 0.95))
    return mean, float(low), float(high)


def causes(evidence: Evidence) -> list[Cause]:
    """Causes that fit the numbers, most likely first."""
    found = [*_of_loss(evidence), *_of_lsd(evidence), *_of_sdr(evidence), *_of_gradients(evidence)]
    return sorted(found, key=lambda cause: -cause.likelihood)


NOISE = "the latents are noise: the codec's weights are random or not loaded"
UNTOUCHED = "the output is no better than the untouched input"


def _of_loss(evidence: Evidence) -> list[Cause]:
    if evidence.loss is None:
        return []
    from saga_kedro.training.yardsticks import gaussian_floor

    loss, s = evidence.loss, evidence.latent_std
    if not math.isfinite(loss):
        return [Cause("the training diverged", "the loss is not a finite number", 0.9, "low_pass")]
    implied = deviation_of(loss, evidence.timesteps)
    if s is not None:
        floor = gaussian_floor(s, evidence.timesteps)
        if abs(loss / floor - 1) < 0.08:
            because = f"the loss {loss:g} is the floor {floor:.3f} of latents of which only the deviation can be known"
            return [Cause(NOISE, because, 0.95, "vae_weights")]
        if loss > 1 + 0.9 * s**2:
            return [Cause("nothing is learnt", f"predicting nothing has {1 + s**2:.2f}", 0.8, "lr_schedule")]
    elif 0.66 <= implied <= 0.80:
        because = f"a loss of {loss:g} is the floor of latents of deviation {implied:.2f}; an unloaded VAE's have 0.69 to 0.77"
        return [Cause(NOISE, because, 0.85, "vae_weights")]
    if 1.05 < loss < 2.0:
        says = "the network is too small or too briefly trained"
        return [Cause(says, "the loss lies above what z_l allows", 0.3, "lr_schedule")]
    return []


def _of_lsd(evidence: Evidence) -> list[Cause]:
    if evidence.lsd is None:
        return []
    lsd, found = evidence.lsd, []
    tenth = lsd / 10
    if lsd > 8:
        because = f"in the paper's unit no sounding frame comes near {lsd:g}; read as dB it is {tenth:.2f}"
        found.append(Cause("LSD is in dB", because, 0.9, "metric_units"))
        if UNTOUCHED_LSD[0] <= tenth <= UNTOUCHED_LSD[1]:
            found.append(Cause(UNTOUCHED, f"{tenth:.2f} is what an untouched input has", 0.7, "flow_objective"))
    if ZERO_LSD[0] <= lsd <= ZERO_LSD[1]:
        because = f"an all-zero output has 20 to 21, yours {lsd:g}"
        found.append(Cause("the output is all zero (NaN made 0)", because, 0.5, "checkpoint_loading"))
    if INT16_LSD[0] <= lsd <= INT16_LSD[1]:
        because = f"with an all-zero output that gives 30, yours is {lsd:g}"
        found.append(Cause("reference in int16 scale, output in floats", because, 0.4, "metric_units"))
    if UNTOUCHED_LSD[0] <= lsd <= UNTOUCHED_LSD[1]:
        found.append(Cause(UNTOUCHED, f"{lsd:g} is what an untouched input has", 0.7, "checkpoint_loading"))
    return found


def _of_sdr(evidence: Evidence) -> list[Cause]:
    if evidence.sdr is None:
        return []
    found, samples = [], evidence.samples or PAPER_SAMPLES
    _, low, high = unrelated_si_sdr(samples)
    if evidence.sdr < -30:
        fits = "within" if low - 3 <= evidence.sdr <= high + 3 else "near"
        spread = f"{low:.0f} to {high:.0f}"
        because = f"{evidence.sdr:g} dB is {fits} what an unrelated estimate of {samples:,} samples has ({spread})"
        backwards = "the sampler runs backwards: trained in one convention, sampled in the other"
        random = "inference runs on random weights (strict=False under another prefix)"
        found += [Cause(backwards, because, 0.8, "flow_objective"), Cause(random, because, 0.6, "checkpoint_loading")]
        if evidence.loss is not None and 0.66 <= deviation_of(evidence.loss, evidence.timesteps) <= 0.80:
            found.append(Cause("a random codec decodes noise", because, 0.85, "vae_weights"))
    if evidence.sdr < -5:
        says, likelihood = (
            "SI-SDR of the flattened batch, items shifted against each other",
            0.65 if evidence.sdr < -30 else 0.75,
        )
        found.append(Cause(says, "even a perfect model scores badly so", likelihood, "metric_units"))
    return found


def _of_gradients(evidence: Evidence) -> list[Cause]:
    norms = [norm for norm in evidence.grad_norms if math.isfinite(norm)]
    if not norms or max(norms) <= 50:
        return []
    steps = _powers_of_two(norms)
    low, high = min(norms) / FIRST_SCALE, max(norms) / FIRST_SCALE
    because = f"norms up to {max(norms):g}: divided by 65,536 they are {low:.2g} to {high:.2g}"
    because += "; they change by powers of two, as a loss scale does" if steps else ""
    return [Cause("the gradient norm is logged under the loss scale", because, 0.9 if steps else 0.8, "gradient_logging")]


def _powers_of_two(norms: Sequence[float]) -> bool:
    ratios = [math.log2(b / a) for a, b in pairwise(norms) if a > 0 and b > 0]
    jumps = [ratio for ratio in ratios if abs(ratio) > 0.5]
    return bool(jumps) and all(abs(ratio - round(ratio)) < 0.2 for ratio in jumps)
