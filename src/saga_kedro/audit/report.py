"""The audit's page: what broke it, the ladder, a line per suspicion; then rung by rung, and a section per suspicion.

One builder for two languages: `saga_kedro.audit.words` and the issues' file have the words.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from saga_kedro.audit import words
from saga_kedro.audit.charts import ladder_chart, rung_chart
from saga_kedro.audit.findings import LADDER, PAIR, AuditFindings
from saga_kedro.audit.issues import Issue
from saga_kedro.audit.ladder import BREAK, MEND
from saga_kedro.audit.plan import ALIGNED, AS_FOUND
from saga_kedro.audit.statistics import MATTERS, NO_EFFECT, UNDECIDED
from saga_kedro.audit.symptoms import SYMPTOMS
from saga_kedro.audit.verdicts import CAUSE, CRASHES, ONE_TRAINING, SAME, WAS_NOT_RUN
from saga_kedro.reporting.blocks import (
    Block,
    Callout,
    Card,
    Cards,
    Details,
    Figure,
    Line,
    Lines,
    Mark,
    Player,
    Report,
    Section,
    Table,
    Text,
)
from saga_kedro.reporting.charts import curves_chart
from saga_kedro.reporting.figures import png
from saga_kedro.reporting.html import anchor, write_html
from saga_kedro.reporting.markdown import write_markdown
from saga_kedro.reporting.spectrograms import spectrogram_db
from saga_kedro.reporting.tables import number

KINDS = (CAUSE, CRASHES, MATTERS, UNDECIDED, NO_EFFECT, SAME, ONE_TRAINING, WAS_NOT_RUN)  # most telling first
HALF_PRECISION = "half_precision"  # the table of `saga_kedro.audit.half_precision.measure`
TICKS = (1, 3, 10, 30, 100, 300)
Verdict = Mapping[str, Any]


def write_pages(findings: AuditFindings, path: str | Path) -> dict[str, str]:
    """Write ``<path>.html``, ``<path>.zh.html`` and ``<path>.md``: where they are."""
    page = _Page(findings, "en", {})
    path, report, chinese = Path(path), page.report(), replace(page, language="zh").report()
    return {
        "html": write_html(report, path.with_suffix(".html")).as_posix(),
        "chinese": write_html(chinese, path.with_suffix(".zh.html")).as_posix(),
        "markdown": write_markdown(report, path.with_suffix(".md")).as_posix(),
    }


def build_report(findings: AuditFindings, language: str = "en") -> Report:
    """All sections in ``en`` or ``zh``, for `saga_kedro.reporting.html.write_html` and `markdown.write_markdown` alike."""
    return _Page(findings, language, {}).report()


@dataclass(frozen=True)
class _Page:
    """The page in one language; ``drawn`` keeps pictures, which have no words that differ."""

    findings: AuditFindings
    language: str
    drawn: dict[str, bytes]

    def say(self, text: str, **values: object) -> str:
        return words.say(self.language, text, **values)

    def of(self, issue: Issue, name: str) -> str:
        return getattr(issue.zh if self.language == "zh" and issue.zh else issue, name)

    def arm(self, issue: Issue, name: str) -> str:
        arm = issue.arms.get(name)
        return self.say(name.replace("_", " ")) if arm is None else arm.zh if self.language == "zh" and arm.zh else arm.says

    def report(self) -> Report:
        say, issues, run = self.say, self.findings.issues, self.findings.facts["run"]
        verdicts = self.findings.table("verdicts")
        open_ones = set(verdicts[verdicts["kind"].isin([UNDECIDED, ONE_TRAINING, WAS_NOT_RUN])]["issue"])
        decided = sum(issue.id not in open_ones for issue in issues)
        code = str(run.get("git revision", ""))[:12] or run["code that decides (hash)"]
        other = {"en": "[中文](%s.zh.html)", "zh": "[English](%s.html)"}[self.language] % self.findings.facts["name"]
        facts = pd.DataFrame([(say(name), str(value)) for name, value in run.items()], columns=[say("name"), say("value")])
        sections = [
            Section(say("The three symptoms, and what makes them"), self.causes()),
            Section(say("The ladder: one thing mended at a time"), self.ladder()),
            Section(say("The suspicions"), [self.overview(), *self.limits()]),
            Section(say("Rung by rung, to see and to hear"), self.rungs()),
            Section(say("What was cleared"), self.clearances()),
            Section(say("The symptoms, measured"), self.symptoms()),
            *(Section(self.title(issue), self.issue(issue), listed=False) for issue in issues),
            Section(say("How it was run"), [Table(facts)]),
        ]
        subtitle = f"{say('decided', decided=decided, issues=len(issues), code=code)} {other}"
        language = {"en": "en", "zh": "zh-CN"}[self.language]
        return Report(say("Audit of a SAGA-SR reproduction"), subtitle, [s for s in sections if s.blocks], language=language)

    def title(self, issue: Issue) -> str:
        return f"{issue.id}: {self.of(issue, 'title')}"

    def causes(self) -> list[Block]:
        """One sentence for each symptom, with its cause and the numbers measured, and the user's number against ours."""
        ladder, summary = self.findings.table(LADDER), self.findings.table("symptoms_summary")
        if ladder.empty:
            return []
        mend = ladder[ladder["direction"] == MEND]
        loaded = mend[mend["issue"] == "vae_weights"]
        rungs = {"first": mend.iloc[0], "loaded": loaded.iloc[0] if len(loaded) else mend.iloc[-1], "last": mend.iloc[-1]}
        values = {f"{rung}_{name}": _short(value) for rung, line in rungs.items() for name, value in line.items()}
        ours = {line["symptom"]: self.reproduced(line) for line in summary.to_dict("records")}
        lines = []
        for name, symptom in zip(("cause_loss", "cause_lsd", "cause_sdr", "cause_norm"), SYMPTOMS.values(), strict=True):
            shown = symptom in rungs["first"]["symptoms"]
            chip = self.say("reproduced" if shown else "not reached here"), CAUSE if shown else ONE_TRAINING
            mine = next((name for name in ours if name in symptom), "")  # a summary may call it SDR
            line = ours.pop(mine, Line("", *chip))
            lines.append(replace(line, title=self.say(name, **values), text=line.text))
        return [Lines([*lines, *ours.values()])]

    def reproduced(self, line: Mapping[str, Any]) -> Line:
        """The user's number against ours."""
        good, interval = str(line["reproduced"]) == "True", f" [{_short(line['low'])}, {_short(line['high'])}]"
        ours = _short(line["ours"]) + (interval if not pd.isna(line["low"]) else "")
        text = self.say("number", users=_short(line["users_number"]), ours=ours, how=self.say(line["how"]))
        chip = self.say("reproduced" if good else "not reproduced"), CAUSE if good else UNDECIDED
        return Line(f"**{self.say(line['symptom'])}**", *chip, text)

    def ladder(self) -> list[Block]:
        ladder = self.findings.table(LADDER)
        if ladder.empty:
            return []
        wide, small = (png(ladder_chart(ladder, columns)) for columns in (4, 2))
        return [Figure(wide, LADDER, self.say("ladder_caption"), self.say("The ladder"), small=small)]

    def overview(self) -> Lines:
        """A line per suspicion, the most telling first: what the failing code does, alone and put right."""
        ranked = []
        for issue in self.findings.issues:
            main = issue.as_found or next(name for name in issue.arms if name != ALIGNED)
            wanted = {("add_one", main), ("fix_one", ALIGNED)}
            verdicts = [line for line in self.verdicts(issue) if (line["design"], line["arm"]) in wanted]
            if verdicts:
                best = min(verdicts, key=lambda line: (KINDS.index(line["kind"]), line["design"]))
                size = 0.0 if math.isnan(best["mean"]) else abs(best["mean"]) / issue.smallest_effect
                ranked.append(((KINDS.index(best["kind"]), -size), issue, best, verdicts))
        lines = []
        for _, issue, best, verdicts in sorted(ranked, key=lambda found: found[0]):
            text = "; ".join(f"{self.say('short ' + line['design'])} {self.numbers(line, True)}" for line in verdicts)
            sources = [s.document + (f" {s.section if self.language == 'zh' else s.en}" if s.en else "") for s in issue.source]
            line = Line(self.of(issue, "title"), self.say(best["kind"]), best["kind"], text, ", ".join(dict.fromkeys(sources)))
            lines.append((replace(line, link=f"#{anchor(self.title(issue))}"), verdicts))
        return self.forest(lines, self.say("overview_caption"))

    def forest(self, lines: Sequence[tuple[Line, Sequence[Verdict]]], caption: str = "") -> Lines:
        """Verdicts on one axis: multiples of the least difference that matters, compressed by log(1 + x); right is worse."""
        higher = {issue.id for issue in self.findings.issues if issue.direction == "higher"}

        def ends(line: Verdict) -> list[float]:
            unit = line["margin"] * (-1 if line["issue"] in higher else 1)
            return [line[name] / unit for name in ("mean", "low", "high") if not math.isnan(line[name])]

        reach = max([3.0, *(1.1 * abs(end) for _, verdicts in lines for line in verdicts for end in ends(line))])

        def place(value: float) -> float:
            return 0.5 + 0.5 * math.copysign(math.log1p(abs(value)) / math.log1p(reach), value)

        drawn = []
        for line, verdicts in lines:
            marks = []
            for verdict in verdicts:
                if places := [place(end) for end in ends(verdict)]:
                    marks.append(Mark(places[0], min(places), max(places), verdict["design"].removesuffix("_one")))
            drawn.append(replace(line, marks=marks))
        ticks = [(place(sign * tick), f"{sign * tick:+d}") for tick in TICKS if tick < reach for sign in (-1, 1)]
        return Lines(drawn, caption, (place(-1), place(1)), sorted([(0.5, "0"), *ticks]))

    def numbers(self, line: Verdict, short: bool = False) -> str:
        """A verdict's numbers: ``+0.31 [+0.22, +0.40], worse, 5 trainings``."""
        if line["kind"] == CRASHES:
            return f"`{line['reason'].split(':')[0] if short else line['reason'].rstrip('.')}`"
        interval = "" if math.isnan(line["low"]) else f" [{line['low']:+.3g}, {line['high']:+.3g}]"
        parts = [] if math.isnan(line["mean"]) or line["kind"] == SAME else [f"{line['mean']:+.3g}{interval}"]
        if line["kind"] == NO_EFFECT:
            parts.append(f"none larger than {line['margin']:g}")
        if line["kind"] == UNDECIDED:
            parts.append(f"at most {max(abs(line['low']), abs(line['high'])):.3g}")
        parts += [line["better"], *line["symptom"].split("; "), line["reason"]]
        parts.append(f"{line['seeds']:.0f} trainings" if line["seeds"] > 1 else "")
        if not math.isnan(line["trainings_needed"]):
            parts.append(f"{line['trainings_needed']:.0f} trainings or more decide")
            parts.append("" if math.isnan(line["hours_needed"]) else f"from {line['hours_needed']:.1f} h")
        return ", ".join(self.say(part) for part in parts if part)

    def limits(self) -> list[Block]:
        embedded = self.findings.facts["run"]["codec"] != "autoencoder"
        one = self.findings.table("verdicts")["kind"].isin([ONE_TRAINING, WAS_NOT_RUN]).any()
        said = (["embedded_scale"] if embedded else []) + (["one_training_only"] if one else [])
        return [Callout(self.say(name)) for name in said]

    def rungs(self) -> list[Block]:
        ladder, known = self.findings.table(LADDER), {issue.id: issue for issue in self.findings.issues}
        cards: dict[str, list[Card]] = {MEND: [], BREAK: []}
        for line in ladder.to_dict("records"):
            back, issue = line["direction"] == BREAK, known.get(line["issue"])
            name = issue.id if issue else self.say("as found" if line["rung"] == 0 else "aligned")
            says = f"{self.arm(issue, str(issue.as_found) if back else ALIGNED)}. " if issue else ""
            left = "; ".join(self.say(symptom) for symptom in line["symptoms"].split("; ")) or self.say("none")
            text = self.say(
                "rung", says=says, left=left, **{key: _short(value) for key, value in line.items() if key != "says"}
            )
            title = f"✘ {name}" if back else f"{line['rung']} · {name}"
            cards[line["direction"]].append(
                self.card(LADDER, f"{line['direction']} {line['rung']}", title, text, line["training"])
            )
        pair = [self.card(PAIR, name, self.say(name), "", "") for name in self.findings.sounds.get(PAIR, {}) if len(ladder)]
        return [Cards(some, self.say(f"{name}_cards")) for name, some in {PAIR: pair, **cards}.items() if some]

    def card(self, group: str, name: str, title: str, text: str, training: str) -> Card:
        """What one configuration learns and makes of the example."""
        sounds, facts = self.findings.sounds, self.findings.facts
        sound, reference = sounds.get(group, {}).get(name), sounds.get(PAIR, {}).get("reference")
        top = float(spectrogram_db(_samples(reference)).max()) if reference else 0.0
        floor, cutoff = facts["floors"].get(training, math.nan), facts["run"]["cutoff of the example, Hz"]
        stem, curve = "_".join((group, *name.split())), self.findings.curves.get(training)
        key = f"{training} {hash(sound)}"
        if key not in self.drawn:
            audio = _samples(sound) if sound else None
            self.drawn[key] = png(rung_chart(curve, floor, audio, max(top, -120.0), float(cutoff or math.nan)), 110)
        figure = Figure(self.drawn[key], f"{stem}_seen", "", f"{title}: {self.say('loss and spectrogram')}")
        return Card(title, text, figure, Player(sound, stem, title) if sound else None)

    def clearances(self) -> list[Block]:
        lines = []
        for line in self.findings.table("clearances").to_dict("records"):
            good = line["as_found"] == "passes"
            text = self.say("clearance", found=self.say(line["as_found_why"]), aligned=self.say(line["aligned_why"]))
            chip = self.say("holds" if good else "does not hold")
            note = f"S1: «{line['cleared'].replace('*', '')}»"
            lines.append(Line(self.say(line["question"]), chip, "good" if good else "bad", text, note))
        wrong = sum(line.kind == "bad" for line in lines)
        return [Text(self.say("cleared", wrong=wrong, of=len(lines))), Lines(lines)] if lines else []

    def symptoms(self) -> list[Block]:
        hidden = {"rows", "verdicts", "clearances", LADDER, "symptoms_summary", HALF_PRECISION}
        tables = sorted(set(self.findings.tables) - hidden)
        blocks: list[Block] = [Details(self.say(name), [Table(self.plain(self.findings.table(name)))]) for name in tables]
        key, half = self.findings.facts["trainings"].get(AS_FOUND, ""), self.findings.table(HALF_PRECISION)
        norms = {}
        if key in self.findings.curves and tables:
            norms["as_found"] = self.findings.curves[key].rename(columns={"loss_scaled": "logged", "true_norm": "true"})
        if len(half):
            norms |= {
                str(name): part for name, part in half[half["micro_batch"] == half["micro_batch"].max()].groupby("setting")
            }
        for name, curve in norms.items():
            drawn = [column for column in ("logged", "true", "scale") if column in curve]
            values = {column: curve[["step", column]].rename(columns={column: "value"}) for column in drawn}
            picture = curves_chart(values, "value", "gradient norm", name, None, logarithmic=True)
            if picture is not None:
                caption = self.say("norms_caption", name=self.say(name.replace("_", " ")))
                blocks.append(Figure(png(picture), f"norms_{anchor(name)}", caption, narrow=True))
        return blocks

    def plain(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table as it is, numbers shortened, words in the page's language."""

        def cell(value: object) -> str:
            return self.say(value) if isinstance(value, str) else "✔" * int(value) if isinstance(value, bool) else _short(value)

        return (
            table.drop(columns="issue", errors="ignore").map(cell).rename(columns=lambda name: self.say(name.replace("_", " ")))
        )

    def issue(self, issue: Issue) -> list[Block]:
        say, of = self.say, self.of
        sources = "; ".join(
            f"{say(source.document)}, " + (f"`{source.section}`" if source.document == "F" else source.section)
            for source in issue.source
        )
        claim = issue.zh.claim if self.language == "zh" and issue.zh else issue.claim.en
        quote = f"\n\n> {issue.claim.zh}" if issue.claim.zh else ""
        blocks: list[Block] = [
            Text(f"**{say('What the document says')}** ({sources}). {claim}{quote}"),
            Text(f"**{say('What the failing code does')}** ({say('differs ' + issue.differs)}). {of(issue, 'difference')}"),
            Text(f"**{say('What paper and authors do')}.** {of(issue, 'authors')}"),
            *([Callout(of(issue, "note"))] if of(issue, "note") else []),
            Text(say("measured", metric=issue.metric, direction=say(issue.direction), least=f"{issue.smallest_effect:g}")),
        ]
        lines = []
        for line in self.verdicts(issue):
            arm = issue.arms.get(line["arm"])
            sets = (
                ", ".join(f"{name}: {value}" for name, value in arm.set.items()) if arm and line["design"] == "add_one" else ""
            )
            note = say(line["design"]) + (f": `{sets}`" if sets else "")
            values = "" if math.isnan(line["value"]) else f"{line['baseline_value']:.3g} → {line['value']:.3g}: "
            title = f"`{line['arm']}` {self.arm(issue, line['arm'])}"
            lines.append((Line(title, say(line["kind"]), line["kind"], values + self.numbers(line), note), [line]))
        blocks += [self.forest(lines)] if lines else []
        keys, sounds = self.findings.facts["trainings"], self.findings.sounds.get(issue.id, {})
        cards = [
            self.card(
                issue.id,
                name,
                f"`{name}`",
                self.arm(issue, name),
                keys.get(name if name == ALIGNED else f"{issue.id}/{name}", ""),
            )
            for name in sounds
        ]
        rows = self.findings.table("rows")
        minutes = rows[rows["issue"] == issue.id]["seconds"].sum() / 60 if len(rows) else 0.0
        again = say("again", issue=issue.id, minutes=f"{minutes:.1f}")
        return [
            *blocks,
            *([Cards(cards)] if cards else []),
            Callout(f"**{say('What to do')}.** {of(issue, 'do')}", "good"),
            Text(again),
        ]

    def verdicts(self, issue: Issue) -> list[dict[str, Any]]:
        table = self.findings.table("verdicts")
        return table[table["issue"] == issue.id].to_dict("records")


def _short(value: object) -> str:
    """A number as a person reads it: three digits, thousands in groups; words as they are."""
    if not isinstance(value, int | float | np.number):
        return str(value)
    size = abs(float(value))
    if not math.isfinite(size):
        return number(float(value))
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3g}"


def _samples(sound: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(sound), dtype="float32", always_2d=True)[0].T
