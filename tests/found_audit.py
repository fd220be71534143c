"""What a full audit would find, made up: every kind of verdict, a whole ladder, curves and sounds; nothing is trained."""

import itertools
from typing import Any

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audit.findings import LADDER, PAIR, AuditFindings, ogg
from saga_kedro.audit.ladder import BREAK, FIX
from saga_kedro.audit.plan import ALIGNED, plan
from saga_kedro.audit.verdicts import COLUMNS, EMPTY
from tiny_audit import catalogue, tiny_parameters

# kind -> what a verdict of it says beside its arm; numbers are multiples of the least difference that matters
KINDS: dict[str, dict[str, Any]] = {
    "cause": {"mean": 13.0, "low": 9.5, "high": 16.0, "seeds": 5, "better": "worse", "symptom": "loss_symptom"},
    "crashes": {
        "seeds": 1,
        "reason": "crashed",
        "detail": "AttributeError: 'DiffusionTransformer' object has no attribute 'to_prepend_embed'",
    },
    "matters": {"mean": 3.9, "low": 3.3, "high": 4.5, "seeds": 8, "better": "worse"},
    "size_open": {"mean": 1.1, "low": 0.1, "high": 2.1, "seeds": 20, "better": "worse"},
    "real_but_small": {"mean": 0.5, "low": 0.1, "high": 0.9, "seeds": 8, "better": "worse"},
    "no_effect": {"mean": 0.05, "low": -0.4, "high": 0.5, "seeds": 5},
    "undecided": {"mean": 2.5, "low": -0.4, "high": 5.4, "seeds": 20},
    "same": {"mean": 0.0, "low": 0.0, "high": 0.0, "seeds": 1, "reason": "same_numbers"},
    "one_training": {"mean": -0.8, "seeds": 1, "better": "better", "trainings_needed": 5},
    "not_run": {"seeds": 0, "reason": "needs_parameter", "detail": "audit.checkpoint"},
}


def _verdicts() -> pd.DataFrame:
    kinds = itertools.cycle(KINDS.items())
    lines = []
    for arm in plan(catalogue(), catalogue().issues, tiny_parameters()):
        kind, found = ("not_run", KINDS["not_run"]) if arm.needs else next(kinds)
        unit = arm.issue.smallest_effect
        numbers = {name: unit * value for name, value in found.items() if name in ("mean", "low", "high")}
        line: dict[str, Any] = EMPTY | found | numbers
        head = {"issue": arm.issue.id, "design": arm.design, "arm": arm.arm, "says": arm.says, "acts_in": arm.acts_in}
        if "mean" in found:
            line |= {"baseline_value": 2.14, "value": 2.14 + numbers["mean"]}
        lines.append(line | head | {"metric": arm.issue.metric, "margin": unit, "kind": kind})
    return pd.DataFrame(lines, columns=COLUMNS)


def _ladder() -> pd.DataFrame:
    known = catalogue()
    rungs = [(FIX, number, issue) for number, issue in enumerate(["", *known.ladder.fix, ""])]
    rungs += [(BREAK, number, issue) for number, issue in enumerate(known.ladder.break_again, 1)]
    lines = []
    for direction, number, issue in rungs:

        def wrong(name: str, direction: str = direction, number: int = number, issue: str = issue) -> bool:
            """Is it still, or again, as the failing code has it?"""
            return issue == name if direction == BREAK else number <= known.ladder.fix.index(name)

        vae, unit, scale, flow = (wrong(name) for name in ("vae_weights", "metric_units", "gradient_logging", "flow_objective"))
        lsd, sdr, norm = 2.1 + 1.2 * vae + 0.6 * flow + 0.02 * (17 - number), 16.0 - 50 * vae - 16 * flow, 0.31
        shown = ["loss_symptom"] * vae + ["lsd_symptom"] * (vae and unit) + ["gradient_symptom"] * scale
        lines.append(
            {
                "direction": direction, "rung": number, "issue": issue, "says": "", "seeds": 1,
                "loss_plateau": 1.09 if vae else 0.93, "loss_still_falls": 0.0, "loss_floor": 1.10 if vae else 0.58,
                "reported_LSD": 10 * lsd if unit else lsd, "LSD": lsd, "reported_SDR": sdr - 8 * unit, "SI_SDR": sdr,
                "norm_first": 16_958.0, "norm_peak": 30_137.0, "norm_last": 16_239.0,
                "grad_norm_logged": norm * (65_536 if scale else 1), "grad_norm": norm,
                "symptoms": " ".join(shown), "training": "noise" if vae else "good",
            }
        )  # fmt: skip
    return pd.DataFrame(lines)


def _sound(seed: int, level: float = 0.1, seconds: float = 0.5) -> bytes:
    noise = np.random.default_rng(seed).standard_normal((2, int(seconds * SAMPLE_RATE))).astype(np.float32)
    return ogg(level * noise)


def found_audit(**tables: pd.DataFrame) -> AuditFindings:
    """Findings with every table; ``tables`` are added to them, or replace theirs."""
    ladder, issues = _ladder(), catalogue().issues
    clearances = pd.DataFrame(
        {
            "clearance": ["codec_weights", "objective"],
            "aligned": ["passes", "passes"],
            "aligned_why": ["codec_correlation", "objective_exact"],
            "aligned_values": ['{"correlation": 0.998, "mode": "eval_mode"}', '{"start": "data"}'],
            "as_found": ["fails", "passes"],
            "as_found_why": ["codec_correlation", "objective_exact"],
            "as_found_values": ['{"correlation": 0.004, "mode": "eval_mode"}', '{"start": "noise"}'],
        }
    )
    symptoms = pd.DataFrame({"names": ["as_found"], "issue": [""], "loss": [1.09], "loss_symptom": [True]})
    rows = pd.DataFrame({"issue": [issue.id for issue in issues], "seconds": 60.0})
    known = {"rows": rows, "verdicts": _verdicts(), "ladder": ladder, "clearances": clearances, "symptoms": symptoms}
    steps, source = np.arange(1, 61), np.random.default_rng(0)
    curves = {
        key: pd.DataFrame({"step": steps, "loss": last + (2 - last) * np.exp(-steps / 9) + 0.05 * source.standard_normal(60)})
        for key, last in (("noise", 1.09), ("good", 0.9))
    }
    curves["noise"] = curves["noise"].assign(true_norm=0.3, loss_scaled=0.3 * 65_536 / 2 ** (steps // 25))
    heard = [issue for issue in issues if issue.id in ("vae_weights", "low_band")]
    sounds = {issue.id: {arm: _sound(1 if arm == ALIGNED else 2) for arm in issue.arms} for issue in heard}
    sounds[LADDER] = {f"{line.direction} {line.rung}": _sound(3) for line in ladder.itertuples()}
    sounds[PAIR] = {"input": _sound(4, 0.03), "reference": _sound(4)}
    facts = {
        "name": "audit",
        "issues": [issue.id for issue in issues],
        "trainings": {"aligned": "good", "as_found": "noise", "vae_weights/random": "noise"},
        "floors": {"noise": 1.10, "good": 0.58},
        "run": {
            "pairs": "18 pairs of 1.5 to 2.9 s",
            "cutoff_hz": 4000.0,
            "codec": "band_envelope",
            "code": "997190543a",
            "git_revision": "c5627c8b3c8b24f8906d7ba8042f3be23837884e",
        },
    }
    return AuditFindings(issues, {**known, **tables}, curves, sounds, facts)
