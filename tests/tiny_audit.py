"""An audit small enough for a test: a synthesised corpus of a few clips, a network of two blocks, eight steps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import write_audio
from saga_kedro.audio.lowpass import LowPass, low_pass
from saga_kedro.audit.bench import Bench
from saga_kedro.audit.data import AuditData, Pair
from saga_kedro.audit.issues import Catalogue, read_catalogue
from saga_kedro.audit.plan import Planned, differences, plan
from saga_kedro.audit.records import Records
from saga_kedro.audit.runs import Runs
from saga_kedro.parameters import Parameters, changed, validate
from scratch_project import ROOT, base_parameters

ISSUES = ROOT / "conf/base/audit/issues.yml"
CAPTION = "A sound."
STEPS = 4


def catalogue() -> Catalogue:
    return read_catalogue(ISSUES)


def tiny_parameters(changes: Mapping[str, Any] | None = None, **audit: Any) -> Parameters:
    """conf/base with a small network and a budget of a few steps; ``changes`` are dotted, ``audit`` are of its section."""
    parameters = base_parameters()
    parameters["model"] |= {
        "segment_samples": 16_384,
        "backbone": parameters["model"]["backbone"] | {"embed_dim": 64, "depth": 1, "num_heads": 2},
    }
    parameters["fit"] |= {"steps": STEPS, "steps_per_epoch": 2, "batch_size": 2, "validation_segments": 2, "rolloff_draws": 8}
    parameters["sample"] |= {"steps": 2}
    steps = {"fit.steps": STEPS, "fit.steps_per_epoch": 2, "fit.log_every": 1}
    budget: dict[str, Any] = {"seeds": 2, "pairs_per_category": 1, "excerpt_seconds": 0.5, "segments_per_category": None}
    budget |= {"set": steps, "ladder": {}}
    parameters["audit"]["budgets"] = {"quick": budget | {"train": False}, "full": budget | {"train": True}}
    parameters["audit"] |= audit
    return changed(validate(parameters), changes or {})


def tiny_data(folder: Path) -> AuditData:
    """Eight clips of one second, four of them for validation, and two pairs: seeded noise with a slope."""
    rows = []
    for index in range(8):
        noise = np.random.default_rng(index).standard_normal((2, SAMPLE_RATE)).cumsum(axis=1)
        audio = (noise - noise.mean(axis=1, keepdims=True)).astype(np.float32)
        audio /= 3 * np.abs(audio).max()
        path = folder / f"{index}.flac"
        write_audio(path, audio, SAMPLE_RATE)
        split = "validation" if index % 4 == 3 else "train"
        rows.append((f"clip{index}", f"group{index}", ("speech", "music")[index % 2], 20_000.0, SAMPLE_RATE, str(path), split))
    clips = pd.DataFrame(rows, columns=["clip_id", "group", "category", "bandwidth_hz", "samples", "flac", "split"])
    captions = pd.DataFrame({"clip_id": clips["clip_id"], "window": 0, "start_s": 0.0, "caption": CAPTION})
    states = {CAPTION: torch.randn(3, 384, generator=torch.Generator().manual_seed(0))}
    pairs = []
    for index, category in enumerate(("speech", "music")):
        reference = np.random.default_rng(100 + index).standard_normal((2, SAMPLE_RATE // 2)).astype(np.float32) / 10
        low = low_pass(reference, SAMPLE_RATE, LowPass("chebyshev", 8, 4_000))
        pairs.append(Pair(f"pair{index}", category, 4.0, "", low, reference))
    return AuditData(clips, captions, states, "tiny", pairs, "tiny pairs")


def tiny_bench(data: AuditData, folder: Path, parameters: Parameters, runs: Runs | None = None) -> Bench:
    audit = parameters.audit
    budget = audit.budgets[audit.budget]
    return Bench(
        data,
        Records(folder / "records"),
        folder / "models",
        folder / "sounds",
        audit.seeds or budget.seeds,
        budget.train,
        runs,
    )


def planned(parameters: Parameters, issue: str, arm: str, design: str = "add_one") -> Planned:
    """One arm of the project's issues."""
    known = catalogue()
    chosen = [found for found in known.issues if found.id == issue]
    (found,) = [one for one in plan(known, chosen, parameters) if one.arm == arm and one.design == design]
    return found


def differing(one: Parameters, other: Parameters) -> dict[str, tuple[Any, Any]]:
    return differences(one.model_dump(), other.model_dump())
