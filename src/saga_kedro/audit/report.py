"""The audit's report: the answers first, then symptoms, clearances, and a section per issue."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audit.charts import curves_chart, difference_chart
from saga_kedro.audit.issues import Issue
from saga_kedro.audit.plan import Planned
from saga_kedro.audit.statistics import UNDECIDED
from saga_kedro.audit.symptoms import LSD, SDR, SYMPTOMS, smallest_sets
from saga_kedro.audit.verdicts import CRASHES, ONE_TRAINING, WAS_NOT_RUN, sentence
from saga_kedro.reporting.blocks import Block, Callout, Details, Figure, Report, Section, Table, Text
from saga_kedro.reporting.figures import Picture, png
from saga_kedro.reporting.spectrograms import spectrogram_figure
from saga_kedro.reporting.tables import MISSING, number

DESIGNS = {"add_one": "one defect added to the aligned configuration", "fix_one": "one defect put right in the failing code"}
DOCUMENTS = {
    "S1": "first document",
    "S2": "second document",
    "F": "the failing code",
    "P": "the paper",
    "C": "the authors' code",
}


@dataclass(frozen=True)
class AuditFindings:
    """Everything that the report shows.

    Attributes:
        issues: that were asked for.
        arms: as planned.
        verdicts: of `saga_kedro.audit.verdicts.verdicts`.
        rows: of `saga_kedro.audit.arms.run_arms`.
        symptoms: of `saga_kedro.audit.symptoms.measure_symptoms`; None if not measured.
        clearances: of `saga_kedro.audit.clearances.check_clearances`; None if not checked.
        curves: training -> its curve, with true_norm and loss_scaled.
        floors: training -> the loss that its yardsticks predict.
        sounds: issue -> name -> audio float32 [C, N], for spectrograms.
        ladder: of `saga_kedro.audit.ladder.climb`; None if not climbed.
        minutes: issue -> minutes that were spent on its arms.
        facts: name -> value: versions, data, budget.
        scale: what this result is of: embedded or the paper's.
        code: version of the code that decides.
    """

    issues: Sequence[Issue]
    arms: Sequence[Planned]
    verdicts: pd.DataFrame
    rows: pd.DataFrame
    symptoms: pd.DataFrame | None
    clearances: pd.DataFrame | None
    ladder: pd.DataFrame | None
    curves: Mapping[str, pd.DataFrame]
    floors: Mapping[str, float]
    sounds: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    minutes: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    scale: str = ""
    code: str = ""


def build_report(findings: AuditFindings) -> Report:
    """All sections, for `saga_kedro.reporting.html.write_html` and `markdown.write_markdown` alike."""
    decided = sum(1 for issue in findings.issues if not _open(findings, issue))
    sections = [
        Section("Answers", [Table(answers(findings), _answers_caption()), *_limits(findings)]),
        Section("The three symptoms", _symptoms(findings)),
        Section("Clearances", _clearances(findings.clearances)),
        *(Section(f"{issue.id}: {issue.title}", _issue(issue, findings)) for issue in findings.issues),
        Section("How it was run", [Table(pd.DataFrame(findings.facts.items(), columns=["name", "value"]).astype(str))]),
    ]
    subtitle = f"{decided} of {len(findings.issues)} issues decided. Code {findings.code}."
    return Report("Audit of a SAGA-SR reproduction", subtitle, sections)


def answers(findings: AuditFindings) -> pd.DataFrame:
    """The table: a line per issue, three answers each."""
    lines = []
    for issue in findings.issues:
        lines.append(
            {
                "issue": issue.id,
                "source": ", ".join(dict.fromkeys(source.document for source in issue.source)),
                "does the failing code differ?": issue.differs,
                "effect, added to the aligned": _effect(findings, issue, "add_one"),
                "effect, put right in the failing code": _effect(findings, issue, "fix_one"),
                "symptom": symptom_of(issue, findings.symptoms),
                "metric": f"{issue.metric} (matters from {issue.smallest_effect:g})",
            }
        )
    return pd.DataFrame(lines)


def symptom_of(issue: Issue, symptoms: pd.DataFrame | None) -> str:
    """Which symptoms the issue's causes give alone, and how many more in company."""
    if symptoms is None:
        return "not measured"
    own = symptoms[symptoms["issue"] == issue.id]
    if own.empty:
        return MISSING
    alone = [says for name, says in SYMPTOMS.items() if own[name].any()]
    if alone:
        return "; ".join(alone)
    names = own["names"].tolist()
    _, smallest = smallest_sets(symptoms)
    shared = any(name in best.split("+") for name in names for best in smallest)
    return "none alone; in company one of the smallest set" if shared else "none alone"


def _answers_caption() -> str:
    return (
        "Intervals are over trainings, and hold for all arms and all looks together with 95 %. "
        "'No effect larger than d' means that the interval lies within d."
    )


def _effect(findings: AuditFindings, issue: Issue, design: str) -> str:
    lines = findings.verdicts[(findings.verdicts["issue"] == issue.id) & (findings.verdicts["design"] == design)]
    if lines.empty:
        return "not in the baseline" if design == "fix_one" and issue.as_found is None else MISSING
    arms: dict[str, list[str]] = {}  # arms of which the same is said are named together
    for line in lines.to_dict("records"):
        said = sentence(line)
        arms.setdefault(said, []).append(str(line["arm"]))
    return "; ".join(f"{', '.join(names)}: {said}" for said, names in arms.items())


def _open(findings: AuditFindings, issue: Issue) -> bool:
    lines = findings.verdicts[findings.verdicts["issue"] == issue.id]
    return lines.empty or bool((lines["kind"].isin([WAS_NOT_RUN, ONE_TRAINING, UNDECIDED])).any())


def _limits(findings: AuditFindings) -> list[Block]:
    quick = findings.verdicts["kind"].isin([ONE_TRAINING, WAS_NOT_RUN]).any()
    blocks: list[Block] = [
        Callout(
            f"This is a result at {findings.scale}. The code path is the one that the paper's scale takes: what crashes here "
            "crashes there, and what runs backwards here runs backwards there. The size of an effect is this codec's, this "
            "budget's and these pairs': it can say that a defect matters or not here, not how much it would cost at 26,000 "
            "steps."
        )
    ]
    if quick:
        blocks.append(
            Callout(
                "In budget `quick` there is one training of each baseline. It decides what does not depend on training: "
                "crashes, units, what is the same to the last bit. `audit.budget=full` runs further trainings."
            )
        )
    return blocks


def _symptoms(findings: AuditFindings) -> list[Block]:
    symptoms = findings.symptoms
    if symptoms is None or symptoms.empty:
        return [Text("The symptom matrix was not measured in this run.")]
    most, smallest = smallest_sets(symptoms)
    found = symptoms[symptoms["names"] == "as_found"].iloc[0]
    shown = ", ".join(says for name, says in SYMPTOMS.items() if found[name]) or "none of the three in full"
    blocks: list[Block] = [
        Text(
            f"The failing code as found shows {shown}: its loss settles at **{number(found['loss'], 3)}** where the yardsticks "
            f"of its own latents predict a floor of **{number(found['loss_floor'], 3)}**; it reports LSD "
            f"**{number(found['LSD'], 1)}** and SDR **{number(found['SDR'], 1)}**, and gradient norms from "
            f"{number(found['norm_first'], 0)} over {number(found['norm_peak'], 0)} to {number(found['norm_last'], 0)}."
        )
    ]
    if smallest:
        kind = "good" if most == 3 else "note"
        sets = " or ".join(f"`{names}`" for names in smallest[:6])
        blocks.append(Callout(f"The smallest sets of causes with {most} of the three symptoms: {sets}.", kind))
    else:
        blocks.append(
            Callout("No set of the failing code's causes gives one of the symptoms within the bounds below, at this scale.")
        )
    alone = symptoms[(symptoms["company"] != "in company")]
    blocks.append(
        Table(
            _matrix(alone),
            "Every cause alone, and as found. ✔: the symptom is there. LSD and SDR in the unit that the cause says.",
        )
    )
    blocks.append(
        Details("All subsets of the failing code's causes", [Table(_matrix(symptoms[symptoms["company"] == "in company"]))])
    )
    blocks.append(
        Text(
            "A loss counts as settled near 1.2 from 1.05 to 1.35 if its last fifth lies less than 2 % under the fifth before; "
            f"LSD counts from {LSD[0]:g} to {LSD[1]:g} with SDR from {SDR[0]:g} to {SDR[1]:g}; a gradient norm if it ends "
            "between 300 and 3,000 after a peak of at least twice its start and its end. The rows on the random VAE run on a "
            "narrow Oobleck VAE of stable-audio-tools whose weights are its constructor's; those on `mdct` on our lossless "
            "transform, so that SDR means something. The gradient rows multiply by an explicit loss scale; a real 16-bit run "
            "needs a GPU."
        )
    )
    picture = curves_chart(
        findings.curves,
        "loss",
        "flow loss",
        "Training loss, and the floor that the as-found latents allow",
        {"floor of as_found": findings.floors.get("as_found", math.nan)},
    )
    blocks += _figure(
        picture, "losses", "Losses under different distributions of t do not compare; each with its own yardstick does."
    )
    scaled = {name: curve for name, curve in findings.curves.items() if "loss_scaled" in curve}
    picture = curves_chart(scaled, "loss_scaled", "norm x loss scale", "Gradient norm as the failing code logs it", None, True)
    blocks += _figure(
        picture, "norms_as_logged", "The true norm times the loss scale, which starts at 65,536 and halves on overflow."
    )
    picture = curves_chart(scaled, "true_norm", "gradient norm", "True gradient norm", None, True)
    blocks += _figure(picture, "norms", "The true norm of the same trainings.")
    return blocks


def _matrix(lines: pd.DataFrame) -> pd.DataFrame:
    def mark(value: bool, text: str) -> str:
        return f"✔ {text}" if value else text

    table = []
    for line in lines.to_dict("records"):
        loss = number(line["loss"], 2)
        if loss != MISSING and not math.isnan(line["loss_still_falls"]):
            loss = f"{loss} (floor {number(line['loss_floor'], 2)}, falls {line['loss_still_falls']:.1%})"
        steps = [number(line[name], 0 if line["norm_peak"] > 100 else 2) for name in ("norm_first", "norm_peak", "norm_last")]
        table.append(
            {
                "cause": line["cause"] if line["company"] != "in company" else line["names"].replace("+", " + "),
                "with": line["company"],
                "codec": line["codec"],
                "loss": mark(line["loss_symptom"], loss),
                "LSD / SDR": mark(line["metrics_symptom"], f"{number(line['LSD'], 1)} / {number(line['SDR'], 1)}"),
                "gradient norm": mark(line["gradient_symptom"], " → ".join(steps)),
            }
        )
    return pd.DataFrame(table)


def _clearances(table: pd.DataFrame | None) -> list[Block]:
    if table is None:
        return [Text("The clearances were not checked in this run.")]
    lines = []
    for line in table.to_dict("records"):
        lines.append(
            {
                "what": line["clearance"],
                "asked": line["question"],
                "aligned": f"{'✔' if line['aligned'] == 'passes' else '✘'} {line['aligned_why']}",
                "the failing code": f"{'✔' if line['as_found'] == 'passes' else '✘'} {line['as_found_why']}",
                "cleared by S1 as": line["cleared"],
            }
        )
    wrong = int((table["as_found"] == "fails").sum())
    return [
        Text(
            "What the first document calls correct (正确实现的模块), checked on both configurations. "
            "A wrong clearance hides a cause."
        ),
        Callout(f"{wrong} of {len(table)} clearances do not hold for the failing code.", "bad" if wrong else "good"),
        Table(pd.DataFrame(lines)),
    ]


def _issue(issue: Issue, findings: AuditFindings) -> list[Block]:
    sources = "; ".join(f"{DOCUMENTS[source.document]}, {source.section}" for source in issue.source)
    claim = f"**Claim** ({sources}): {issue.claim.en}"
    blocks: list[Block] = [Text(claim + (f"\n\n> {issue.claim.zh}" if issue.claim.zh else ""))]
    blocks.append(Text(f"**Does the failing code differ?** {issue.differs}: {issue.difference}"))
    if issue.note:
        blocks.append(Callout(issue.note))
    blocks.append(Table(_configurations(issue, findings), "What differs: the parameters of each arm, side by side."))
    lines = findings.verdicts[findings.verdicts["issue"] == issue.id]
    blocks.append(
        Table(
            _numbers(lines),
            f"{issue.metric}, arm against baseline. {issue.direction.capitalize()} is better."
            if issue.direction != "neither"
            else f"{issue.metric}, arm against baseline.",
        )
    )
    picture = difference_chart(lines, issue.metric, issue.smallest_effect)
    blocks += _figure(picture, f"{issue.id}_differences", "The grey band is what would not matter.")
    curves = {
        name: curve
        for name, curve in findings.curves.items()
        if name.startswith(f"{issue.id}:") or name in ("aligned", "as_found")
    }
    if issue.acts_in == "training" and len(curves) > 1:
        picture = curves_chart(curves, "loss", "flow loss", "Training loss of the arms")
        blocks += _figure(
            picture,
            f"{issue.id}_loss",
            "Running means; see the validation losses at fixed t where the distributions of t differ.",
        )
    sounds = findings.sounds.get(issue.id, {})
    if len(sounds) > 1:
        cutoff = findings.facts.get("cutoff of the example, Hz")
        figure = spectrogram_figure(sounds, SAMPLE_RATE, float(str(cutoff)) if cutoff else None, issue.title)
        blocks.append(Figure(png(figure), f"{issue.id}_spectrograms", "One pair, all panels on the reference's scale."))
    blocks.append(Callout(conclusion(issue, findings), "note"))
    blocks.append(Text(f"Run it again: `kedro run --pipeline audit --params audit.issue={issue.id}`{_time(issue, findings)}"))
    return blocks


def conclusion(issue: Issue, findings: AuditFindings) -> str:
    """The answer in a sentence."""
    lines = findings.verdicts[findings.verdicts["issue"] == issue.id].to_dict("records")
    if not lines:
        return "Nothing was run."
    main = [line for line in lines if line["design"] == "add_one" and line["arm"] == issue.as_found] or [lines[0]]
    fixed = [line for line in lines if line["design"] == "fix_one"]
    said = f"**{main[0]['arm']}**: {sentence(main[0])}"
    others = [line for line in lines if line["design"] == "add_one" and line is not main[0] and line["kind"] != WAS_NOT_RUN]
    if others:
        said += "; " + "; ".join(f"{line['arm']}: {sentence(line)}" for line in others)
    if fixed:
        said += ". Put right in the failing code: " + "; ".join(sentence(line) for line in fixed)
    if main[0]["kind"] == CRASHES:
        said += ". It cannot have run unnoticed"
    return f"{said}. Differs: {issue.differs}. Symptom: {symptom_of(issue, findings.symptoms)}."


def _time(issue: Issue, findings: AuditFindings) -> str:
    minutes = findings.minutes.get(issue.id)
    return f" ({minutes:.1f} minutes for its arms here)." if minutes is not None else "."


def _configurations(issue: Issue, findings: AuditFindings) -> pd.DataFrame:
    names = list(dict.fromkeys(name for arm in issue.arms.values() for name in arm.set))
    aligned = next((arm.baseline for arm in findings.arms if arm.issue.id == issue.id and arm.design == "add_one"), None)
    lines = []
    for arm_name, arm in issue.arms.items():
        line = {"arm": arm_name + (" (the failing code)" if arm_name == issue.as_found else ""), "what it is": arm.says}
        for name in names:
            line[name] = str(arm.set[name]) if name in arm.set else _value(aligned, name)
        lines.append(line)
    return pd.DataFrame(lines)


def _value(parameters: Mapping | None, name: str) -> str:
    place: object = parameters
    for section in name.split("."):
        if not isinstance(place, Mapping) or section not in place:
            return MISSING
        place = place[section]
    return str(place)


def _numbers(lines: pd.DataFrame) -> pd.DataFrame:
    table = []
    for line in lines.to_dict("records"):
        interval = MISSING if math.isnan(line["low"]) else f"{line['low']:+.3g} to {line['high']:+.3g}"
        table.append(
            {
                "arm": f"{line['arm']} ({line['says']})",
                "design": DESIGNS[line["design"]],
                "baseline": number(line["baseline_value"], 3),
                "arm's value": number(line["value"], 3),
                "difference": MISSING if math.isnan(line["mean"]) else f"{line['mean']:+.3g}",
                "interval": interval,
                "seeds": str(line["seeds"]),
                "answer": sentence(line),
            }
        )
    return pd.DataFrame(table)


def _figure(picture: Picture | None, name: str, caption: str) -> list[Block]:
    return [] if picture is None else [Figure(png(picture), Path(name).name, caption, caption)]
