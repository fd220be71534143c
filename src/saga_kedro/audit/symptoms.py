"""The three symptoms, and which causes give them: alone, in company, and the smallest set that gives all three."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from saga_kedro.audit.arms import DONE, Bench
from saga_kedro.audit.as_found.metrics import SHIFT, reported
from saga_kedro.audit.configurations import changed
from saga_kedro.audit.data import Pair
from saga_kedro.audit.records import code_version
from saga_kedro.audit.scoring import load, outputs
from saga_kedro.audit.training import Trained, curve_metrics, gradient_curve
from saga_kedro.draws import rng
from saga_kedro.files import parameter_hash

LOSS = (1.05, 1.35)
STILL_FALLS = 0.02
LSD = (25.0, 35.0)
SDR = (-85.0, -55.0)
NORM = (300.0, 3_000.0)
RISE = 2.0
"""What counts as the documents' "near 1.2" that has settled, "near 30", "near -70", and "1,000, then 4,000, then 1,000"."""

SYMPTOMS = {
    "loss_symptom": "loss settles near 1.2",
    "metrics_symptom": "LSD near 30, SDR near -70",
    "gradient_symptom": "gradient norm 1,000, 4,000, 1,000",
}
CODEC_OF = {"mdct": "mdct", "random": "random Oobleck VAE"}
COLUMNS = [
    "names", "cause", "company", "codec", "issue", "loss", "loss_still_falls", "loss_floor", "LSD", "SDR",
    "norm_first", "norm_peak", "norm_last", "loss_symptom", "metrics_symptom", "gradient_symptom",
]  # fmt: skip


@dataclass(frozen=True)
class Cause:
    """One thing that can be wrong, switched on or off.

    Attributes:
        name: of the cause.
        says: what it is.
        issue: the issue that it belongs to, or empty.
    """

    name: str
    says: str
    issue: str = ""


CAUSES = (
    Cause("random_vae", "the frozen VAE is random", "vae_weights"),
    Cause("backwards", "the sampler runs backwards", "flow_objective"),
    Cause("not_loaded", "inference runs on random weights", "checkpoint_loading"),
    Cause("lsd_in_db", "LSD is in dB", "metric_units"),
    Cause("sdr_flattened", "SI-SDR of the flattened, shifted batch", "metric_units"),
    Cause("loss_scale", "gradient norms are logged under the loss scale", "gradient_logging"),
)
IN_COMPANY = tuple(cause.name for cause in CAUSES)


def mdct_parameters(aligned: Mapping[str, Any]) -> dict[str, Any]:
    """The aligned configuration on the lossless lapped transform: the waveform is kept, so an SDR means something."""
    samples = max(16_384, aligned["model"]["segment_samples"] // 2)
    return changed(aligned, {"model.codec": {"name": "mdct"}, "model.segment_samples": samples})


def random_parameters(aligned: Mapping[str, Any]) -> dict[str, Any]:
    """The aligned configuration on a random VAE, and nothing else changed."""
    return changed(aligned, {"model.codec.name": "random_autoencoder"})


def measure_symptoms(aligned: dict[str, Any], as_found: dict[str, Any], bench: Bench) -> pd.DataFrame:
    """The matrix: each cause alone, all subsets of the failing code's causes, other readings, and the as-found baseline.

    Args:
        aligned, as_found: the baselines' configurations.
        bench: what trainings and outputs are made with.

    Returns:
        ``COLUMNS``; ``company`` says what else is switched on; the symptom columns are booleans.
    """
    bases = {"mdct": mdct_parameters(aligned), "random": random_parameters(aligned)}
    lines = [_company((), bases, bench)]
    lines += [_company((cause.name,), bases, bench) for cause in CAUSES]
    sets = [names for size in range(2, len(IN_COMPANY) + 1) for names in itertools.combinations(IN_COMPANY, size)]
    lines += [_company(names, bases, bench) for names in tqdm(sets, desc="causes in company", unit="set")]
    lines += _readings(bases["mdct"], bench)
    lines.append(_as_found(as_found, bench))
    return pd.DataFrame(lines, columns=COLUMNS)


def _company(names: Sequence[str], bases: Mapping[str, dict[str, Any]], bench: Bench) -> dict[str, Any]:
    on = set(names)
    codec = "random" if "random_vae" in on else "mdct"
    changes: dict[str, Any] = {}
    if "backwards" in on:
        changes["sample.sampler"] = "time_reversed"
    if "not_loaded" in on:
        changes["audit.serve.loading"] = "other_prefix"
    parameters = changed(bases[codec], {"sample.low_band": "none", **changes})
    trained = bench.trained(parameters, f"symptoms: {CODEC_OF[codec]}")
    numbers = _numbers(parameters, trained, bench)
    lsd = numbers["decibel" if "lsd_in_db" in on else "log10"]
    sdr = numbers["flattened" if "sdr_flattened" in on else "per_item"]
    says = {cause.name: cause for cause in CAUSES}
    head = {
        "names": "+".join(names),
        "cause": "; ".join(says[name].says for name in names) or "none of them",
        "company": "alone" if len(names) <= 1 else "in company",
        "codec": CODEC_OF[codec],
        "issue": says[names[0]].issue if len(names) == 1 else "",
    }
    return _line(head, trained, lsd, sdr, "loss_scaled" if "loss_scale" in on else "true_norm")


def _as_found(parameters: dict[str, Any], bench: Bench) -> dict[str, Any]:
    trained = bench.trained(parameters, "as_found")
    record = bench.scored(parameters, 0, "as_found")
    ways = parameters["audit"]["measure"]
    head = {
        "names": "as_found",
        "cause": "the failing code as found",
        "company": "all of it",
        "codec": CODEC_OF["random"],
        "issue": "",
    }
    lsd, sdr = (
        (math.nan, math.nan)
        if record["error"]
        else (record["reported"]["LSD"][ways["lsd"]], record["reported"]["SDR"][ways["sdr"]])
    )
    return _line(head, trained, _float(lsd), _float(sdr), ways["gradients"])


def _numbers(parameters: dict[str, Any], trained: Trained, bench: Bench) -> dict[str, float]:
    """LSD and SDR in each way of measuring, of the raw output: nothing is put back that would hide the sampler."""
    key = parameter_hash(
        "symptom", trained.key, parameters["sample"], parameters["audit"]["serve"], bench.data.pairs_version, code_version()
    )
    record = bench.records.get("symptom", key)
    if record is None:
        estimates = [np.nan_to_num(audio) for audio in outputs(load(trained, parameters), parameters, bench.data.pairs, 0)]
        record = bench.records.put("symptom", key, measured(bench.data.pairs, estimates))
    return {name: _float(value) for name, value in record.items()}


def measured(pairs: Sequence[Pair], estimates: Sequence[np.ndarray]) -> dict[str, float]:
    """``log10``, ``decibel``: LSD; ``per_item``, ``flattened``: SI-SDR."""
    references = [pair.reference for pair in pairs]
    ours, failing = (
        reported(references, estimates, "log10", "per_item"),
        reported(references, estimates, "decibel", "flattened"),
    )
    return {"log10": ours["LSD"], "decibel": failing["LSD"], "per_item": ours["SDR"], "flattened": failing["SDR"]}


Spoil = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def _zero(reference: np.ndarray, estimate: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    return reference, np.zeros_like(estimate)


def _int16(reference: np.ndarray, estimate: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    return reference * 32_768, estimate


def _int16_and_zero(reference: np.ndarray, estimate: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    return reference * 32_768, np.zeros_like(estimate)


def _level(reference: np.ndarray, estimate: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    return reference, estimate * np.float32(10 ** (30 / 20))


def _shift(reference: np.ndarray, estimate: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    return reference, np.roll(estimate, SHIFT, axis=1)


def _silent_reference(reference: np.ndarray, estimate: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    noise = rng("symptoms", "silent reference", index).standard_normal(reference.shape).astype(np.float32)
    return noise * np.float32(1e-5), estimate


def _unrelated(reference: np.ndarray, estimate: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
    noise = rng("symptoms", "unrelated", index).standard_normal(reference.shape).astype(np.float32)
    return reference, noise * np.float32(0.1)


READINGS: dict[str, tuple[str, Spoil]] = {
    "zero": ("output all zero (NaN made 0)", _zero),
    "int16": ("reference in int16 scale, output in floats", _int16),
    "int16_and_zero": ("reference in int16 scale and output all zero", _int16_and_zero),
    "level": ("output 30 dB too loud", _level),
    "shift": (f"output {SHIFT:,} samples late", _shift),
    "silent_reference": ("reference nearly silent (-100 dB of noise)", _silent_reference),
    "unrelated": ("output unrelated: white noise", _unrelated),
}


def _readings(parameters: dict[str, Any], bench: Bench) -> list[dict[str, Any]]:
    """What else could be behind the second symptom, done to the aligned model's own outputs; in both units of LSD."""
    parameters = changed(parameters, {})
    trained = bench.trained(parameters, f"symptoms: {CODEC_OF['mdct']}")
    key = parameter_hash("readings", trained.key, parameters["sample"], bench.data.pairs_version, code_version())
    record = bench.records.get("symptom", key)
    if record is None:
        good = [np.nan_to_num(audio) for audio in outputs(load(trained, parameters), parameters, bench.data.pairs, 0)]
        record = {"untouched": measured(bench.data.pairs, [pair.low for pair in bench.data.pairs])}
        for name, (_, spoil) in READINGS.items():
            spoiled = [spoil(p.reference, audio, i) for i, (p, audio) in enumerate(zip(bench.data.pairs, good, strict=True))]
            pairs = [
                Pair(p.pair_id, p.category, p.cutoff_khz, "", p.low, r)
                for p, (r, _) in zip(bench.data.pairs, spoiled, strict=True)
            ]
            record[name] = measured(pairs, [estimate for _, estimate in spoiled])
        record = bench.records.put("symptom", key, record)
    lines = []
    titles = {"untouched": "the input, untouched"} | {name: says for name, (says, _) in READINGS.items()}
    for name, says in titles.items():
        for lsd, sdr, company in (("log10", "per_item", "alone"), ("decibel", "flattened", "with LSD in dB, SI-SDR flattened")):
            head = {"names": name, "cause": says, "company": company, "codec": CODEC_OF["mdct"], "issue": ""}
            lines.append(_line(head, None, _float(record[name][lsd]), _float(record[name][sdr]), "true_norm"))
    return lines


def _line(head: Mapping[str, Any], trained: Trained | None, lsd: float, sdr: float, gradients: str) -> dict[str, Any]:
    line: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan) | dict(head) | {"LSD": lsd, "SDR": sdr}
    if trained is not None:
        numbers = curve_metrics(trained.curve)
        line |= {
            "loss": numbers.get("train/loss_plateau", math.nan),
            "loss_still_falls": numbers.get("train/loss_still_falls", math.nan),
            "loss_floor": _floor(trained),
        }
        line |= norms(gradient_curve(trained.curve)[gradients].to_numpy())
    line |= {
        "loss_symptom": settles(line["loss"], line["loss_still_falls"]),
        "metrics_symptom": bad_metrics(lsd, sdr),
        "gradient_symptom": hump(line["norm_first"], line["norm_peak"], line["norm_last"]),
    }
    return line


def of_arms(rows: pd.DataFrame) -> pd.DataFrame:
    """Every arm that was run, as a cause: what its first seed's loss, LSD and SDR look like (`COLUMNS`).

    Args:
        rows: of `saga_kedro.audit.arms.run_arms`.
    """
    first = rows[(rows["status"] == DONE) & (rows["seed"] == 0) & (rows["design"] == "add_one")]
    lines = []
    for row in first.to_dict("records"):
        name = f"{row['issue']}: {row['arm']}"
        head = {"names": name, "cause": name, "company": "arm", "codec": "the aligned one's", "issue": row["issue"]}
        line = _line(head, None, _float(row["reported_LSD"]), _float(row["reported_SDR"]), "true_norm")
        lines.append(line | {"loss": _float(row["loss_plateau"])})
    return pd.DataFrame(lines, columns=COLUMNS)


def _floor(trained: Trained) -> float:
    """The least loss that the yardsticks predict for these latents: for one who knows z_l, linearly."""
    return float(trained.summary["yardsticks"].get("yardstick/z_l", math.nan))


def settles(loss: float, still_falls: float) -> bool:
    """The first symptom: the loss is near 1.2 and falls no more."""
    return LOSS[0] <= loss <= LOSS[1] and still_falls < STILL_FALLS


def bad_metrics(lsd: float, sdr: float) -> bool:
    """The second symptom: LSD near 30 and SDR near -70."""
    return LSD[0] <= lsd <= LSD[1] and SDR[0] <= sdr <= SDR[1]


def hump(first: float, peak: float, last: float) -> bool:
    """The third symptom: gradient norms near 1,000, then several times that, then near 1,000 again."""
    return NORM[0] <= last <= NORM[1] and peak >= RISE * max(first, 1e-30) and peak >= RISE * max(last, 1e-30)


def norms(values: np.ndarray) -> dict[str, float]:
    """First, largest and last of a curve of gradient norms, each the median of a twentieth of it."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {"norm_first": math.nan, "norm_peak": math.nan, "norm_last": math.nan}
    parts = [float(np.median(part)) for part in np.array_split(finite, min(20, len(finite)))]
    return {"norm_first": parts[0], "norm_peak": max(parts), "norm_last": parts[-1]}


def smallest_sets(matrix: pd.DataFrame) -> tuple[int, list[str]]:
    """The most symptoms that any set of causes gives, and the smallest sets that give so many."""
    switched = {"+".join(names) for size in range(1, len(IN_COMPANY) + 1) for names in itertools.combinations(IN_COMPANY, size)}
    chosen = matrix[matrix["names"].isin(switched)]
    if chosen.empty:
        return 0, []
    counts = chosen[list(SYMPTOMS)].astype(int).sum(axis=1)
    if not counts.max():
        return 0, []
    best = chosen[counts == counts.max()]["names"].tolist()
    fewest = min(name.count("+") for name in best)
    return int(counts.max()), [name for name in best if name.count("+") == fewest]


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
