"""What an audit found, as files: tables, curves, facts and small sounds, from which its page is drawn without training."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.audit.data import described
from saga_kedro.audit.issues import Catalogue, Issue, choose
from saga_kedro.audit.ladder import rungs
from saga_kedro.audit.plan import ALIGNED
from saga_kedro.audit.records import code_version
from saga_kedro.audit.session import Audit
from saga_kedro.audit.training import gradient_curve
from saga_kedro.files import atomic_path, keep_only, parameter_hash

FACTS, CURVES, SOUNDS = "facts.json", "curves", "sounds"
PAIR, LADDER = "pair", "ladder"
FULL_SIZE, HALF_PRECISION, SUMMARY = GIVEN = ("full_size", "half_precision", "symptoms_summary")
"""Tables of experiments/, which the page shows where they lie beside an audit's."""
TEXTS = ("names", "issue", "says", "better", "symptom", "symptoms", "reason", "detail")
"""Columns of texts that may be empty: a CSV file cannot tell these from missing numbers."""


@dataclass(frozen=True)
class AuditFindings:
    """Everything that the page shows."""

    issues: list[Issue]  # that were asked for
    tables: Mapping[str, pd.DataFrame]  # rows, verdicts; of all issues symptoms, clearances, ladder; those of `GIVEN`
    curves: Mapping[str, pd.DataFrame]  # key of a training -> step, loss, true_norm, loss_scaled
    sounds: Mapping[str, Mapping[str, bytes]]  # ``pair``, ``ladder`` or an issue -> name -> Ogg file of one excerpt
    facts: Mapping[str, Any]  # name of the page, issues, trainings (-> key), floors (key -> loss by its yardsticks), run

    def table(self, name: str) -> pd.DataFrame:
        """A table; an empty one where it was not measured."""
        return self.tables.get(name, pd.DataFrame())


def collect(audit: Audit, tables: Mapping[str, pd.DataFrame], git_revision: str) -> AuditFindings:
    """Everything for the page, from finished trainings, records, sounds and non-empty tables; nothing is trained."""
    bench, aligned = audit.bench, audit.baselines[ALIGNED]
    tables = {name: table for name, table in tables.items() if len(table)}
    named, paths = dict(audit.baselines), dict[str, dict[str, Path]]()
    for arm in audit.arms:
        if arm.design == "add_one" and not arm.needs:
            if arm.acts_in == "training":
                named[f"{arm.issue.id}/{arm.arm}"] = arm.parameters
            if arm.acts_in != "measuring":
                paths.setdefault(arm.issue.id, {ALIGNED: bench.sound(aligned)})[arm.arm] = bench.sound(arm.parameters)
    if LADDER in tables:
        climbed = {rung.name: rung.parameters for rung in rungs(audit.catalogue, audit.ladder_aligned)}
        named |= climbed
        paths[LADDER] = {name: bench.sound(parameters) for name, parameters in climbed.items()}
    trainings = {name: trained for name, p in named.items() if (trained := bench.finished(p)) is not None}
    curves = {}
    for trained in trainings.values():
        norms = gradient_curve(trained.curve)
        curves[trained.key[:12]] = trained.curve[["step", "loss"]].merge(norms, on="step", how="left")
    heard = {group: {name: read_audio(path)[0] for name, path in of.items() if path.is_file()} for group, of in paths.items()}
    pair = bench.data.pairs[0] if bench.data.pairs else None
    heard[PAIR] = {"input": pair.low, "reference": pair.reference} if pair else {}
    encoded: dict[bytes, bytes] = {}  # equal sounds are one file: encoding twice gives other bytes
    sounds = {
        group: {name: encoded.setdefault(audio.tobytes(), ogg(audio)) for name, audio in of.items()}
        for group, of in heard.items()
    }
    backbone = aligned.model.backbone
    facts = {
        "name": audit.report.name,
        "issues": [issue.id for issue in audit.issues],
        "trainings": {name: trained.key[:12] for name, trained in trainings.items()},
        "floors": {t.key[:12]: float(t.summary["yardsticks"]["yardstick/z_l"]) for t in trainings.values()},
        "run": {
            "dataset_version": bench.data.version,
            "pairs": described(bench.data.pairs),
            "cutoff_hz": 1000 * pair.cutoff_khz if pair else "",
            "budget": audit.parameters.audit.budget,
            "most_trainings": audit.trainings,
            "training_steps": aligned.fit.steps,
            "codec": aligned.model.codec.name,
            "backbone": f"{backbone.embed_dim} wide, {backbone.depth} deep",
            "code": code_version(),
            "git_revision": git_revision,
        },
    }
    return AuditFindings(audit.issues, tables, curves, sounds, facts)


def save(findings: AuditFindings, folder: str | Path) -> Path:
    """Write CSV tables, curves, sounds and, last, facts; a sound's file is named by the hash of its bytes."""
    folder = Path(folder)
    index: dict[str, dict[str, str]] = {group: {} for group in findings.sounds}
    for group, of in findings.sounds.items():
        for name, sound in of.items():
            index[group][name] = file = f"{parameter_hash(sound.hex())[:12]}.ogg"
            with atomic_path(folder / SOUNDS / file) as temporary:
                temporary.write_bytes(sound)
    curves = [curve.assign(training=key) for key, curve in findings.curves.items()]
    tables = {**findings.tables} | ({CURVES: pd.concat(curves)} if curves else {})
    for name, table in tables.items():
        with atomic_path(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")
    with atomic_path(folder / FACTS) as temporary:
        facts = {**findings.facts, "tables": list(findings.tables), SOUNDS: index}
        temporary.write_text(json.dumps(facts, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
    keep_only(folder / SOUNDS, [folder / SOUNDS / file for files in index.values() for file in files.values()])
    return folder


def read(folder: str | Path, catalogue: Catalogue) -> AuditFindings:
    """What `save` wrote, `GIVEN` tables beside it, and the catalogue's issues; FileNotFoundError if nothing was saved."""
    folder = Path(folder)
    if not (folder / FACTS).exists():
        raise FileNotFoundError(f"No findings of an audit in {folder}: run `kedro run --pipeline audit`, or name their folder.")
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    given = [name for name in GIVEN if (folder / f"{name}.csv").exists()]
    curves = _read_table(folder, CURVES).groupby("training") if facts["trainings"] else ()
    return AuditFindings(
        issues=choose(catalogue, "+".join(facts["issues"])),
        tables={name: _read_table(folder, name) for name in dict.fromkeys([*facts["tables"], *given])},
        curves={str(key): curve.drop(columns="training").reset_index(drop=True) for key, curve in curves},
        sounds={
            group: {name: (folder / SOUNDS / file).read_bytes() for name, file in files.items()}
            for group, files in facts[SOUNDS].items()
        },
        facts=facts,
    )


def _read_table(folder: Path, name: str) -> pd.DataFrame:
    table = pd.read_csv(folder / f"{name}.csv", dtype={"training": str})
    texts = [column for column in TEXTS if column in table]
    return table.assign(**{column: table[column].astype(object).where(table[column].notna(), "") for column in texts})


def ogg(audio: np.ndarray) -> bytes:
    """float [channels, samples] at `SAMPLE_RATE` as an Ogg Vorbis file, at the lowest quality that keeps high frequencies."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio, -1, 1).T, SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=0.4)
    return buffer.getvalue()
