"""What fits a person's numbers: yardsticks, then causes, most likely first, each with the command that confirms it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from saga_kedro.audit.as_found.gradients import FIRST_SCALE

UNTOUCHED_LSD = (2.3, 3.7)
"""LSD of unprocessed 4 and 8 kHz inputs in the paper's table 1, log10 of power."""
ZERO_LSD, INT16_LSD = (19.0, 22.5), (28.0, 33.0)
"""LSD (log10 of power) of an all-zero output, and of one against a reference in int16 scale (docs/audit.md: 21.8 and 30.8)."""
PAPER_SAMPLES = 262_144


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
    """

    says: str
    because: str
    likelihood: float
    issue: str = ""

    @property
    def confirm(self) -> str:
        """The command that would confirm it."""
        return (
            f"kedro run --pipeline audit --params audit.issue={self.issue}" if self.issue else "look at the file that is named"
        )


@dataclass(frozen=True)
class Yardstick:
    """A number to hold the evidence against."""

    what: str
    value: float
    meaning: str


def yardsticks(evidence: Evidence) -> list[Yardstick]:
    """The numbers that the evidence's own settings predict.

    Raises:
        ValueError: an unknown distribution of t.
    """
    from saga_kedro.training.yardsticks import gaussian_floor

    found: list[Yardstick] = []
    if evidence.loss is not None or evidence.latent_std is not None:
        s = 1.0 if evidence.latent_std is None else evidence.latent_std
        given = "" if evidence.latent_std is not None else " (taken for 1: give --latent-std)"
        found += [
            Yardstick("loss that predicts nothing", 1 + s**2, f"1 + s^2 for latents of deviation s = {s:g}{given}"),
            Yardstick(
                "loss that knows the variance only",
                gaussian_floor(s, evidence.timesteps),
                f"the floor on latents that are noise, under {evidence.timesteps} t",
            ),
        ]
    if evidence.loss is not None:
        found.append(
            Yardstick(
                "deviation whose floor is your loss",
                deviation_of(evidence.loss, evidence.timesteps),
                "an unloaded VAE's latents have 0.69 to 0.77; Stable Audio Open's have about 1",
            )
        )
    if evidence.lsd is not None:
        found.append(
            Yardstick("your LSD, read as dB, in the paper's unit", evidence.lsd / 10, "an untouched 4 kHz input has 2.9 to 3.7")
        )
    if evidence.sdr is not None:
        mean, low, high = unrelated_si_sdr(evidence.samples or PAPER_SAMPLES)
        found.append(
            Yardstick(
                "SI-SDR of an unrelated white estimate",
                mean,
                f"90 % lie between {low:.0f} and {high:.0f} dB; of two pieces of music about -40",
            )
        )
    if evidence.grad_norms:
        first = evidence.grad_norms[0]
        found.append(
            Yardstick(
                "your gradient norm under a loss scale of 65,536", first / FIRST_SCALE, "what the true norm would then be"
            )
        )
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


def _of_loss(evidence: Evidence) -> list[Cause]:
    if evidence.loss is None:
        return []
    from saga_kedro.training.yardsticks import gaussian_floor

    found = []
    implied = deviation_of(evidence.loss, evidence.timesteps)
    if not math.isfinite(evidence.loss):
        return [Cause("the training diverged", "the loss is not a finite number", 0.9, "low_pass")]
    if evidence.latent_std is not None:
        floor = gaussian_floor(evidence.latent_std, evidence.timesteps)
        if abs(evidence.loss / floor - 1) < 0.08:
            found.append(
                Cause(
                    "the latents are noise: the codec's weights are random or not loaded",
                    f"the loss {evidence.loss:g} is the floor {floor:.3f} of latents of which only the deviation can be known",
                    0.95,
                    "vae_weights",
                )
            )
        elif evidence.loss > 1 + 0.9 * evidence.latent_std**2:
            found.append(
                Cause("nothing is learnt", f"predicting nothing has {1 + evidence.latent_std**2:.2f}", 0.8, "lr_schedule")
            )
    elif 0.66 <= implied <= 0.80:
        found.append(
            Cause(
                "the latents are noise: the codec's weights are random or not loaded",
                f"a loss of {evidence.loss:g} is the floor of latents of deviation {implied:.2f}; an unloaded VAE's have "
                "0.69 to 0.77",
                0.85,
                "vae_weights",
            )
        )
    if 1.05 < evidence.loss < 2.0 and not found:
        found.append(
            Cause("the network is too small or too briefly trained", "the loss lies above what z_l allows", 0.3, "lr_schedule")
        )
    return found


def _of_lsd(evidence: Evidence) -> list[Cause]:
    if evidence.lsd is None:
        return []
    lsd, found = evidence.lsd, []
    if lsd > 8:
        tenth = lsd / 10
        because = f"in the paper's unit no sounding frame comes near {lsd:g}; read as dB it is {tenth:.2f}"
        found.append(Cause("LSD is in dB", because, 0.9, "metric_units"))
        if UNTOUCHED_LSD[0] <= tenth <= UNTOUCHED_LSD[1]:
            found.append(
                Cause(
                    "the output is no better than the untouched input",
                    f"{tenth:.2f} is what an untouched input has",
                    0.7,
                    "flow_objective",
                )
            )
    if ZERO_LSD[0] <= lsd <= ZERO_LSD[1]:
        found.append(
            Cause(
                "the output is all zero (NaN made 0)",
                f"an all-zero output has 20 to 21, yours {lsd:g}",
                0.5,
                "checkpoint_loading",
            )
        )
    if INT16_LSD[0] <= lsd <= INT16_LSD[1]:
        found.append(
            Cause(
                "reference in int16 scale, output in floats",
                f"with an all-zero output that gives 30, yours is {lsd:g}",
                0.4,
                "metric_units",
            )
        )
    if UNTOUCHED_LSD[0] <= lsd <= UNTOUCHED_LSD[1]:
        found.append(
            Cause(
                "the output is no better than the untouched input",
                f"{lsd:g} is what an untouched input has",
                0.7,
                "checkpoint_loading",
            )
        )
    return found


def _of_sdr(evidence: Evidence) -> list[Cause]:
    if evidence.sdr is None:
        return []
    found, samples = [], evidence.samples or PAPER_SAMPLES
    _, low, high = unrelated_si_sdr(samples)
    if evidence.sdr < -30:
        fits = "within" if low - 3 <= evidence.sdr <= high + 3 else "near"
        because = (
            f"{evidence.sdr:g} dB is {fits} what an unrelated estimate of {samples:,} samples has ({low:.0f} to {high:.0f})"
        )
        found += [
            Cause(
                "the sampler runs backwards: trained in one convention, sampled in the other", because, 0.8, "flow_objective"
            ),
            Cause("inference runs on random weights (strict=False under another prefix)", because, 0.6, "checkpoint_loading"),
        ]
        if evidence.loss is not None and 0.66 <= deviation_of(evidence.loss, evidence.timesteps) <= 0.80:
            found.append(Cause("a random codec decodes noise", because, 0.85, "vae_weights"))
    if evidence.sdr < -5:
        found.append(
            Cause(
                "SI-SDR of the flattened batch, items shifted against each other",
                "even a perfect model scores badly so",
                0.65 if evidence.sdr < -30 else 0.75,
                "metric_units",
            )
        )
    return found


def _of_gradients(evidence: Evidence) -> list[Cause]:
    norms = [norm for norm in evidence.grad_norms if math.isfinite(norm)]
    if not norms:
        return []
    found = []
    if max(norms) > 50:
        steps = _powers_of_two(norms)
        low, high = min(norms) / FIRST_SCALE, max(norms) / FIRST_SCALE
        because = f"norms up to {max(norms):g}: divided by 65,536 they are {low:.2g} to {high:.2g}"
        if steps:
            because += "; they change by powers of two, as a loss scale does"
        found.append(
            Cause("the gradient norm is logged under the loss scale", because, 0.9 if steps else 0.8, "gradient_logging")
        )
    return found


def _powers_of_two(norms: Sequence[float]) -> bool:
    ratios = [math.log2(b / a) for a, b in pairwise(norms) if a > 0 and b > 0]
    jumps = [ratio for ratio in ratios if abs(ratio) > 0.5]
    return bool(jumps) and all(abs(ratio - round(ratio)) < 0.2 for ratio in jumps)


def of_run(run_id: str) -> Evidence:
    """The evidence in an MLflow run: its last loss, latents' deviation, gradient norms, LSD and SI-SDR of any category.

    Raises:
        ValueError: there is no such run.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient()
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        raise ValueError(f"MLflow has no run {run_id}: its ids are in the UI (`make ui`) and in fit.json.") from error
    metrics = run.data.metrics
    logged = "train/grad_norm_as_logged" if "train/grad_norm_as_logged" in metrics else "train/grad_norm"
    norms = [point.value for point in client.get_metric_history(run_id, logged)] if logged in metrics else []
    losses = [point.value for point in client.get_metric_history(run_id, "train/loss")] if "train/loss" in metrics else []
    return Evidence(
        loss=float(np.mean(losses[-max(1, len(losses) // 5) :])) if losses else metrics.get("train/loss_plateau"),
        latent_std=metrics.get("latent/std"),
        timesteps=run.data.params.get("fit.timesteps", "uniform"),
        lsd=metrics.get("reported/LSD", _mean(metrics, "eval/LSD/")),
        sdr=metrics.get("reported/SDR", _mean(metrics, "eval/SI-SDR/")),
        grad_norms=[float(np.median(part)) for part in np.array_split(norms, min(10, len(norms)))] if norms else (),
    )


def _mean(metrics: Mapping[str, float], prefix: str) -> float | None:
    values = [value for name, value in metrics.items() if name.startswith(prefix)]
    return float(np.mean(values)) if values else None


def joined(given: Evidence, of_a_run: Evidence) -> Evidence:
    """What is given on the command line goes before what a run says."""
    blank = Evidence()
    changes = {name: value for name, value in vars(given).items() if value != getattr(blank, name)}
    return replace(of_a_run, **changes)
