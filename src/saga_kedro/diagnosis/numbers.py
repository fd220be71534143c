"""What fits a person's numbers: yardsticks and causes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

from saga_kedro.audit.loss_scale import FIRST_SCALE

UNTOUCHED_LSD = (2.3, 3.7)  # of 4 and 8 kHz inputs in the paper's table 1, log10 of power
ZERO_LSD, INT16_LSD = (19.0, 22.5), (28.0, 33.0)
"""LSD (log10 of power) of an all-zero output, and of one against a reference in int16 scale (docs/audit.md: 21.8 and 30.8)."""
EULER_GAMMA = 0.5772156649015329
PAPER_SAMPLES = 262_144
UNLOADED_STD = 0.705  # of the latents of a VAE without weights
TRUE_NORM = 1.2  # the largest true gradient norm of the audit's trainings


@dataclass(frozen=True)
class Evidence:
    """What a person has; None is not known."""

    loss: float | None = None  # where the training loss settled
    latent_std: float | None = None  # of the latents that are trained on
    timesteps: str = "uniform"  # or logit_normal: the distribution of t
    lsd: float | None = None  # as reported
    sdr: float | None = None
    samples: int | None = None  # of an evaluation item
    grad_norms: Sequence[float] = ()  # as logged, in the order of steps


@dataclass(frozen=True)
class Cause:
    """Something that would explain the evidence."""

    says: str
    because: str
    likelihood: float  # 0 to 1; only the order means anything
    issue: str  # of the audit, that tries it
    advice: str = ""  # what to do, where that is more than to try the issue
    seen_in: str = "numbers"  # or the file or folder of this name

    @property
    def confirm(self) -> str:
        """The command that would confirm it."""
        return f"kedro run --pipeline audit --params audit.issue={self.issue}"


@dataclass(frozen=True)
class Yardstick:
    """A number to hold the evidence against."""

    what: str
    value: float
    meaning: str
    curve: str  # that it is drawn across: ``loss``, ``norm`` or none


def yardsticks(evidence: Evidence) -> list[Yardstick]:
    """The numbers that the evidence's own settings predict; a ValueError for an unknown distribution of t."""
    from saga_kedro.training.yardsticks import gaussian_floor

    found: list[tuple[str, float, str, str]] = []
    t = evidence.timesteps
    # fmt: off
    if evidence.loss is not None or evidence.latent_std is not None:
        s, given = (1.0, " (taken for 1: give --latent-std)") if evidence.latent_std is None else (evidence.latent_std, "")
        found += [
            ("loss that predicts nothing", 1 + s**2, f"1 + s^2 for latents of deviation s = {s:g}{given}", "loss"),
            ("loss that knows the variance only", gaussian_floor(s, t), f"the floor on noise, under {t} t", "loss"),
            ("floor of a VAE without weights", gaussian_floor(UNLOADED_STD, t),
             f"latents of deviation {UNLOADED_STD:g}, which are noise; under {t} t", "loss"),
        ]
    if evidence.loss is not None and math.isfinite(evidence.loss):
        found.append(("deviation whose floor is your loss", deviation_of(evidence.loss, t),
                      "an unloaded VAE's latents have 0.69 to 0.77; Stable Audio Open's have about 1", ""))
    if evidence.lsd is not None:
        found.append(("your LSD, read as dB, in the paper's unit", evidence.lsd / 10,
                      "an untouched 4 kHz input has 2.9 to 3.7", ""))
    if evidence.sdr is not None:
        mean, low, high = unrelated_si_sdr(evidence.samples or PAPER_SAMPLES)
        spread = f"90 % lie between {low:.0f} and {high:.0f} dB; of two pieces of music about -40"
        found.append(("SI-SDR of an unrelated white estimate", mean, spread, ""))
    if evidence.grad_norms:
        found += [
            ("your gradient norm under a loss scale of 65,536", evidence.grad_norms[0] / FIRST_SCALE,
             "what the true norm would then be", ""),
            ("a true gradient norm", TRUE_NORM,
             "the largest of the audit's trainings: logged after unscaling, yours should be about as small", "norm"),
            ("the same under a loss scale of 65,536", TRUE_NORM * FIRST_SCALE,
             "float16's first scale; it halves on overflow", "norm"),
        ]
    # fmt: on
    return [Yardstick(*line) for line in found]


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

    |<s, s_hat>|^2 / (|s|^2 |s_hat|^2) is then chi-squared with one degree of freedom, over N: the square of a normal variable.
    The mean of 10 log10 of it is 10 (psi(1/2) + ln 2) / ln 10 - 10 log10 N, where psi(1/2) = -gamma - 2 ln 2.
    """
    mean = -10 / math.log(10) * (EULER_GAMMA + math.log(2)) - 10 * math.log10(samples)
    low, high = (10 * math.log10(NormalDist().inv_cdf((1 + level) / 2) ** 2 / samples) for level in (0.05, 0.95))
    return mean, low, high


def fitting(rules: Iterable[tuple[Any, str, str, float, str]]) -> list[Cause]:
    """The causes that hold, most likely first; a rule is whether it holds, then `Cause`'s first four fields."""
    return sorted((Cause(*rule[1:]) for rule in rules if rule[0]), key=lambda cause: -cause.likelihood)


def causes(evidence: Evidence) -> list[Cause]:
    """Causes that fit the numbers, most likely first."""
    from saga_kedro.training.yardsticks import gaussian_floor

    # what is not known is NaN, with which no comparison holds
    given = (evidence.loss, evidence.latent_std, evidence.lsd, evidence.sdr)
    loss, s, lsd, sdr = (math.nan if value is None or not math.isfinite(value) else value for value in given)
    implied = math.nan if math.isnan(loss) else deviation_of(loss, evidence.timesteps)
    floor = gaussian_floor(s, evidence.timesteps)
    at_floor, as_unloaded = abs(loss / floor - 1) < 0.08, 0.66 <= implied <= 0.80
    nothing = not at_floor and loss > 1 + 0.9 * s**2
    noise = at_floor or (math.isnan(s) and as_unloaded)
    untouched = "the output is no better than the untouched input"
    samples, (low, high) = evidence.samples or PAPER_SAMPLES, UNTOUCHED_LSD
    _, least, most = unrelated_si_sdr(samples)
    fits = "within" if least - 3 <= sdr <= most + 3 else "near"
    unrelated = f"{sdr:g} dB is {fits} what an unrelated estimate of {samples:,} samples has ({least:.0f} to {most:.0f})"
    norms = [norm for norm in evidence.grad_norms if math.isfinite(norm)] or [0.0]
    scaled, steps = [norm / FIRST_SCALE for norm in (min(norms), max(norms))], _powers_of_two(norms)
    # fmt: off
    return fitting([
        (evidence.loss is not None and math.isnan(loss), "the training diverged", "the loss is not a finite number",
         0.9, "low_pass"),
        (noise, "the latents are noise: the codec's weights are random or not loaded",
         f"the loss {loss:g} is the floor {floor:.3f} of latents that show nothing but their deviation" if at_floor else
         f"a loss of {loss:g} is the floor of latents of deviation {implied:.2f}; an unloaded VAE's have 0.69 to 0.77",
         0.95 if at_floor else 0.85, "vae_weights"),
        (nothing, "nothing is learned", f"predicting nothing has {1 + s**2:.2f}", 0.8, "lr_schedule"),
        (1.05 < loss < 2 and not noise and not nothing, "the network is too small or too briefly trained",
         "the loss lies above what z_l allows", 0.3, "lr_schedule"),
        (lsd > 8, "LSD is in dB", f"in the paper's unit no sounding frame comes near {lsd:g}; read as dB it is {lsd / 10:.2f}",
         0.9, "metric_units"),
        (low <= lsd / 10 <= high, untouched, f"{lsd / 10:.2f} is what an untouched input has", 0.7, "flow_objective"),
        (ZERO_LSD[0] <= lsd <= ZERO_LSD[1], "the output is all zero (NaN made 0)",
         f"an all-zero output has 20 to 21, yours {lsd:g}", 0.5, "checkpoint_loading"),
        (INT16_LSD[0] <= lsd <= INT16_LSD[1], "reference in int16 scale, output in floats",
         f"with an all-zero output that gives 30, yours is {lsd:g}", 0.4, "metric_units"),
        (low <= lsd <= high, untouched, f"{lsd:g} is what an untouched input has", 0.7, "checkpoint_loading"),
        (sdr < -30, "the sampler runs backwards: trained in one convention, sampled in the other", unrelated,
         0.8, "flow_objective"),
        (sdr < -30, "inference runs on random weights (strict=False under another prefix)", unrelated,
         0.6, "checkpoint_loading"),
        (sdr < -30 and as_unloaded, "a random codec decodes noise", unrelated, 0.85, "vae_weights"),
        (sdr < -5, "SI-SDR of the flattened batch, items shifted against each other", "even a perfect model scores badly so",
         0.65 if sdr < -30 else 0.75, "metric_units"),
        (max(norms) > 50, "the gradient norm is logged under the loss scale",
         f"norms up to {max(norms):g}: divided by 65,536 they are {scaled[0]:.2g} to {scaled[1]:.2g}"
         + ("; they change by powers of two, as a loss scale does" if steps else ""),
         0.9 if steps else 0.8, "gradient_logging"),
    ])
    # fmt: on


def _powers_of_two(norms: Sequence[float]) -> bool:
    ratios = [math.log2(b / a) for a, b in pairwise(norms) if a > 0 and b > 0]
    jumps = [ratio for ratio in ratios if abs(ratio) > 0.5]
    return bool(jumps) and all(abs(ratio - round(ratio)) < 0.2 for ratio in jumps)
