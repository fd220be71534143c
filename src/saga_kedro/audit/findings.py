"""What an audit found, as files: tables, curves, facts and small sounds, from which its page is drawn without training."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import soundfile

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.io import read_audio
from saga_kedro.audit.bench import score_key
from saga_kedro.audit.data import described
from saga_kedro.audit.issues import Catalogue, Issue, choose
from saga_kedro.audit.ladder import rungs
from saga_kedro.audit.plan import ALIGNED
from saga_kedro.audit.records import code_version
from saga_kedro.audit.training import Trained, gradient_curve
from saga_kedro.files import atomic_path, keep_only, parameter_hash

if TYPE_CHECKING:
    from saga_kedro.audit.session import Audit

FACTS, CURVES, SOUNDS = "facts.json", "curves.csv", "sounds"
PAIR, LADDER = "pair", "ladder"
TEXTS = ("names", "cause", "company", "codec", "issue", "says", "kind", "better", "symptom", "symptoms", "reason", "how")


@dataclass(frozen=True)
class AuditFindings:
    """Everything that the page shows.

    Attributes:
        issues: that were asked for.
        tables: ``rows`` (`saga_kedro.audit.arms.run_arms`), ``verdicts`` (`saga_kedro.audit.verdicts.verdicts`) and, where all
            issues were asked for, ``symptoms``, ``clearances``, ``ladder`` and others, such as ``symptoms_summary``.
        curves: key of a training -> step, loss, true_norm, loss_scaled.
        sounds: ``pair``, ``ladder`` or an issue -> name -> Ogg file of the same excerpt.
        facts: ``issues``, ``tables``: their names; ``trainings``: name -> key; ``floors``: key -> the loss that its yardsticks
            predict; ``run``: name -> value, of versions and data; ``name`` of the page.
    """

    issues: list[Issue]
    tables: Mapping[str, pd.DataFrame]
    curves: Mapping[str, pd.DataFrame]
    sounds: Mapping[str, Mapping[str, bytes]]
    facts: Mapping[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """A table; an empty one where it was not measured."""
        return self.tables.get(name, pd.DataFrame())


def collect(audit: Audit, tables: Mapping[str, pd.DataFrame], run: Mapping[str, object]) -> AuditFindings:
    """Everything for the page, from what is on disk: nothing is trained here that was not.

    Args:
        audit: of `open_audit`.
        tables: as `AuditFindings` has them; empty ones, of an audit of some issues, are left out.
        run: facts beside those that the audit knows.
    """
    bench, aligned = audit.bench, audit.baselines[ALIGNED]
    tables = {name: table for name, table in tables.items() if len(table)}
    arms = [arm for arm in audit.arms if arm.design == "add_one" and not arm.impossible]
    named = {**audit.baselines} | {
        f"{arm.issue.id}/{arm.arm}": bench.at_seed(arm.parameters, 0) for arm in arms if arm.acts_in == "training"
    }
    sounds: dict[str, dict[str, Path]] = {}
    for arm in arms:
        if arm.acts_in != "measuring":
            outputs = sounds.setdefault(arm.issue.id, {ALIGNED: bench.sound(score_key(aligned, bench.data, 0))})
            outputs[arm.arm] = bench.sound(score_key(bench.at_seed(arm.parameters, 0), bench.data, 0))
    if LADDER in tables:
        named |= {f"{direction} {rung}": p for direction, rung, *_, p in rungs(audit.catalogue, audit.ladder_aligned)}
        lines = tables[LADDER].to_dict("records")
        sounds[LADDER] = {f"{line['direction']} {line['rung']}": Path(str(line["sound"])) for line in lines}
        tables[LADDER] = tables[LADDER].drop(columns="sound")
    trainings = {name: trained for name, p in named.items() if (trained := bench.finished(p)) is not None}
    pair = bench.data.pairs[0] if bench.data.pairs else None
    read = {
        group: {name: read_audio(path)[0] for name, path in paths.items() if path.is_file()} for group, paths in sounds.items()
    }
    read[PAIR] = {"input": pair.low, "reference": pair.reference} if pair else {}
    known = {
        "dataset version": bench.data.version,
        "pairs": described(bench.data.pairs),
        "cutoff of the example, Hz": 1000 * pair.cutoff_khz if pair else "",
        "budget": audit.parameters["audit"]["budget"],
        "trainings of an arm, at most": audit.trainings,
        "training steps": aligned["fit"]["steps"],
        "codec": aligned["model"]["codec"]["name"],
        "backbone": "{embed_dim} wide, {depth} deep".format(**aligned["model"]["backbone"]),
        "code that decides (hash)": code_version(),
    }
    facts = {
        "name": audit.report.name,
        "issues": [issue.id for issue in audit.issues],
        "trainings": {name: trained.key[:12] for name, trained in trainings.items()},
        "floors": {t.key[:12]: float(t.summary["yardsticks"]["yardstick/z_l"]) for t in trainings.values()},
        "run": {**known, **run},
    }
    curves = {trained.key[:12]: with_norms(trained) for trained in trainings.values()}
    known_sounds: dict[bytes, bytes] = {}  # what sounds the same is one file: encoding twice gives other bytes
    encoded = {
        group: {name: known_sounds.setdefault(a.tobytes(), ogg(a)) for name, a in of_group.items()}
        for group, of_group in read.items()
    }
    return AuditFindings(audit.issues, tables, curves, encoded, facts)


def save(findings: AuditFindings, folder: str | Path) -> Path:
    """Write CSV tables, curves, sounds and, last, facts; what a sound's file is called says what is in it."""
    folder = Path(folder)
    index: dict[str, dict[str, str]] = {}
    written = []
    for group, of_group in findings.sounds.items():
        for name, sound in of_group.items():
            written.append(folder / SOUNDS / f"{parameter_hash(sound.hex())[:12]}.ogg")
            index.setdefault(group, {})[name] = written[-1].name
            with atomic_path(written[-1]) as temporary:
                temporary.write_bytes(sound)
    curves = [curve.assign(training=key) for key, curve in findings.curves.items()]
    tables = {**findings.tables} | ({Path(CURVES).stem: pd.concat(curves)} if curves else {})
    for name, table in tables.items():
        with atomic_path(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")
    with atomic_path(folder / FACTS) as temporary:
        facts = {**findings.facts, "tables": list(findings.tables), SOUNDS: index}
        temporary.write_text(json.dumps(facts, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
    if index:
        keep_only(folder / SOUNDS, written)
    return folder


def read(folder: str | Path, catalogue: Catalogue) -> AuditFindings:
    """What `save` wrote; its issues as the catalogue has them now.

    Raises:
        FileNotFoundError: there are no findings in ``folder``.
    """
    folder = Path(folder)
    if not (folder / FACTS).exists():
        raise FileNotFoundError(f"No findings of an audit in {folder}: run `kedro run --pipeline audit`, or name their folder.")
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    curves = {}
    if facts["trainings"]:
        table = pd.read_csv(folder / CURVES, dtype={"training": str})
        curves = {str(key): curve.drop(columns="training").reset_index(drop=True) for key, curve in table.groupby("training")}
    return AuditFindings(
        issues=choose(catalogue, "+".join(facts["issues"])),
        tables={name: with_texts(pd.read_csv(folder / f"{name}.csv", dtype={"training": str})) for name in facts["tables"]},
        curves=curves,
        sounds={
            group: {name: (folder / SOUNDS / file).read_bytes() for name, file in files.items()}
            for group, files in facts[SOUNDS].items()
        },
        facts=facts,
    )


def with_norms(trained: Trained) -> pd.DataFrame:
    """A training's curve: step, loss, true_norm, loss_scaled."""
    columns = [column for column in ("step", "loss") if column in trained.curve]
    return trained.curve[columns].merge(gradient_curve(trained.curve), on="step", how="left")


def with_texts(table: pd.DataFrame) -> pd.DataFrame:
    """The table with empty texts where a CSV file could not tell them from missing numbers."""
    texts = [name for name in TEXTS if name in table]
    return table.assign(**{name: table[name].astype(object).where(table[name].notna(), "") for name in texts})


def ogg(audio: np.ndarray) -> bytes:
    """float [channels, samples] at `SAMPLE_RATE` as an Ogg Vorbis file, at the quality from which nothing is cut off on top."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio, -1, 1).T, SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=0.4)
    return buffer.getvalue()
