"""Let a trained configuration work on the evaluation pairs, and measure it in every way that an arm may ask for."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio import metrics as formulas
from saga_kedro.audio.io import write_audio
from saga_kedro.audit.as_found.metrics import reported
from saga_kedro.audit.as_found.network import give_tokens_another_width
from saga_kedro.audit.data import AuditData, Pair, cells
from saga_kedro.audit.observe import snapshot
from saga_kedro.audit.records import crash_of
from saga_kedro.audit.training import Trained
from saga_kedro.draws import seed_of
from saga_kedro.evaluation.names import OURS, metric_name
from saga_kedro.evaluation.render import oracle_rolloff, ours
from saga_kedro.model.initialise import initialise_by_name
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.parameters import Parameters, Sample
from saga_kedro.training.devices import device_of

NAMES = ("LSD", "LSD_sounding", "LSD_below", "LSD_above", "SI-SDR", "SNR")


def load(trained: Trained, parameters: Parameters) -> SagaSR:
    """The model as an arm serves it: which weights, loaded how, sampled how."""
    serve = parameters.audit.serve
    model = SagaSR.from_pretrained(trained.folder, device_of(parameters.fit.accelerator))
    if serve.at < 1 or serve.weights != "ema":
        step = max(1, round(serve.at * parameters.fit.steps))
        prefix = f"{serve.weights}."
        state = load_file(snapshot(trained.folder, step))
        model.network.load_state_dict({name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)})
    if serve.loading == "other_prefix":
        # As the failing inference script does: the trainer's module is one level deeper, so no name fits and nothing is loaded.
        state = {f"model.model.{name}": value for name, value in model.network.state_dict().items()}
        model.network = SagaSR(model.config, model.text_encoder).network.to(model.device).eval()
        initialise_by_name(model.network, seed_of(parameters.seed, "not loaded"))
        model.network.load_state_dict(state, strict=False)
    if serve.token_width is not None:
        give_tokens_another_width(model.network, serve.token_width)
    return model


def outputs(model: SagaSR, sample: Sample, pairs: list[Pair], seed: int) -> list[np.ndarray]:
    """The model's output for each pair: float32 [C, N]."""
    oracle = sample.rolloff == "reference"
    model.sample = sample.model_dump() | ({"rolloff": "predicted"} if oracle else {})
    found = []
    for pair in pairs:
        asked = {"rolloff": oracle_rolloff(pair.reference)} if oracle else {}
        pair_seed = seed_of(seed, "audit", pair.pair_id)
        prompt = pair.prompt if model.takes_prompts and pair.prompt else None
        found.append(ours(model, pair.low, 1000 * pair.cutoff_khz, prompt, pair_seed, **asked))
    return found


def measure(pairs: list[Pair], estimates: list[np.ndarray]) -> dict[str, Any]:
    """All numbers of a set of outputs.

    ``metrics``: each of `NAMES` as ``eval/LSD/speech/4kHz`` for each category and cutoff, and as the mean of these;
    ``reported``: LSD and SDR, each in two ways; ``level_db``: mean level against the reference; ``finite``: share of finite
    outputs.
    """
    metrics: dict[str, float] = {}
    clean = [np.nan_to_num(estimate, nan=0.0, posinf=0.0, neginf=0.0) for estimate in estimates]
    values = [_values(pair, audio) for pair, audio in zip(pairs, clean, strict=True)]
    for name in NAMES:
        by_cell = cells(pairs, [value[name] for value in values])
        metrics[name] = float(np.mean(list(by_cell.values()))) if by_cell else float("nan")
        metrics |= {metric_name(OURS, name, category, cutoff): value for (category, cutoff), value in by_cell.items()}
    level = [20 * np.log10((_rms(e) + 1e-12) / (_rms(p.reference) + 1e-12)) for p, e in zip(pairs, clean, strict=True)]
    return {
        "metrics": metrics,
        "reported": reported([pair.reference for pair in pairs], clean),
        "level_db": float(np.mean(level)),
        "finite": float(np.mean([bool(np.isfinite(estimate).all()) for estimate in estimates])),
    }


def score(trained: Trained, parameters: Parameters, data: AuditData, seed: int, example: Path | None = None) -> dict[str, Any]:
    """`measure`'s numbers of an arm and seed, ``seconds``, ``error`` (a crash, or None); ``example`` gets the first output."""
    began = time.perf_counter()
    try:
        estimates = outputs(load(trained, parameters), parameters.sample, data.pairs, seed)
    except Exception as error:
        return {"error": crash_of(error), "seconds": time.perf_counter() - began}
    if example is not None and estimates and np.isfinite(estimates[0]).all():
        peak = max(1.0, float(np.abs(estimates[0]).max()))
        write_audio(example, estimates[0] / peak, SAMPLE_RATE)
    return {**measure(data.pairs, estimates), "error": None, "seconds": time.perf_counter() - began}


def _values(pair: Pair, estimate: np.ndarray) -> dict[str, float]:
    lsd = formulas.lsd_family(pair.reference, estimate, 1000 * pair.cutoff_khz)
    return lsd | {"SI-SDR": formulas.si_sdr(pair.reference, estimate), "SNR": formulas.snr(pair.reference, estimate)}


def _rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
