"""The audit's page, in two languages: `saga_kedro.audit.words` and the issues' file have the words."""

import io
import json
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
from saga_kedro.audit.findings import FULL_SIZE, HALF_PRECISION, LADDER, PAIR, SUMMARY, AuditFindings
from saga_kedro.audit.issues import Issue
from saga_kedro.audit.ladder import BREAK, FIX
from saga_kedro.audit.plan import ALIGNED, AS_FOUND
from saga_kedro.audit.statistics import OPEN, UNDECIDED
from saga_kedro.audit.symptoms import SYMPTOMS
from saga_kedro.audit.verdicts import CAUSE, KINDS, ONE_TRAINING, WAS_NOT_RUN
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
from saga_kedro.reporting.spectrograms import spectrogram_db
from saga_kedro.reporting.tables import number

TICKS = (1, 3, 10, 30, 100, 300)
Verdict = Mapping[str, Any]
Pictures = Mapping[tuple[str, str], bytes]
"""Group and name of a sound, as `AuditFindings.sounds` has them -> what its card shows."""


def write_pages(findings: AuditFindings, path: str | Path) -> dict[str, str]:
    """Write ``<path>.html`` and ``<path>.zh.html``: where they are."""
    path, pictures = Path(path), draw_cards(findings)
    english, chinese = (Page(findings, pictures, language).report() for language in ("en", "zh"))
    return {
        "html": write_html(english, path.with_suffix(".html")).as_posix(),
        "chinese": write_html(chinese, path.with_suffix(".zh.html")).as_posix(),
    }


def draw_cards(findings: AuditFindings) -> Pictures:
    """The pictures of all cards, which have no words that differ; equal ones are drawn once."""
    facts, reference = findings.facts, findings.sounds.get(PAIR, {}).get("reference")
    top = max(float(spectrogram_db(_samples(reference)).max()), -120.0) if reference else 0.0
    cutoff = float(facts["run"]["cutoff_hz"] or math.nan)
    cards = [(group, name) for group, of_group in findings.sounds.items() for name in of_group]
    cards += [(LADDER, f"{line['direction']} {line['rung']}") for line in findings.table(LADDER).to_dict("records")]
    drawn: dict[tuple[str, bytes | None], bytes] = {}
    pictures = {}
    for group, name in dict.fromkeys(cards):
        sound = findings.sounds.get(group, {}).get(name)
        training = facts["trainings"].get(name if group == LADDER or name == ALIGNED else f"{group}/{name}", "")
        if (training, sound) not in drawn:
            floor, audio = facts["floors"].get(training, math.nan), _samples(sound) if sound else None
            picture = rung_chart(findings.curves.get(training), floor, audio, top, cutoff)
            drawn[training, sound] = png(picture, 110)
        pictures[group, name] = drawn[training, sound]
    return pictures


@dataclass(frozen=True)
class Page:
    """The page in one language."""

    findings: AuditFindings
    pictures: Pictures  # of `draw_cards`
    language: str = "en"  # or zh

    def say(self, code: str, /, **values: object) -> str:
        return words.say(self.language, code, **values)

    def of(self, issue: Issue, name: str) -> str:
        return getattr(issue.zh if self.language == "zh" and issue.zh else issue, name)

    def arm(self, issue: Issue, name: str) -> str:
        """What an arm is; a way to fix the failing code is none of the issue's arms."""
        arm = issue.arms.get(name)
        return self.say(name) if arm is None else arm.zh if self.language == "zh" and arm.zh else arm.says

    def title(self, issue: Issue) -> str:
        return f"{issue.id}: {self.of(issue, 'title')}"

    def report(self) -> Report:
        """All sections."""
        say, issues, run = self.say, self.findings.issues, self.findings.facts["run"]
        verdicts = self.findings.table("verdicts")
        open_ones = set(verdicts[verdicts["kind"].isin([*OPEN, ONE_TRAINING, WAS_NOT_RUN])]["issue"])
        decided = sum(issue.id not in open_ones for issue in issues)
        code = run["git_revision"][:12] or run["code"]
        other = {"en": "[中文](%s.zh.html)", "zh": "[English](%s.html)"}[self.language] % self.findings.facts["name"]
        facts = pd.DataFrame([(say(name), str(value)) for name, value in run.items()], columns=[say("name"), say("value")])
        sections = [
            Section(say("causes_title"), self.causes()),
            Section(say("ladder_title"), self.ladder()),
            Section(say("suspicions_title"), [self.overview(), *self.limits()]),
            Section(say("rungs_title"), self.rungs()),
            Section(say("clearances_title"), self.clearances()),
            Section(say("symptoms_title"), self.symptoms()),
            *(Section(self.title(issue), self.issue(issue), listed=False) for issue in issues),
            Section(say("run_title"), [Table(facts)]),
        ]
        subtitle = f"{say('decided', decided=decided, issues=len(issues), code=code)} {other}"
        language = {"en": "en", "zh": "zh-CN"}[self.language]
        return Report(say("title"), subtitle, [section for section in sections if section.blocks], language=language)

    def causes(self) -> list[Block]:
        """A sentence for each symptom: its cause, the numbers measured, and the user's number against ours."""
        ladder = self.findings.table(LADDER)
        if ladder.empty:
            return []
        fixed = ladder[ladder["direction"] == FIX]
        loaded = fixed[fixed["issue"] == "vae_weights"]
        rungs = {"first": fixed.iloc[0], "loaded": loaded.iloc[0] if len(loaded) else fixed.iloc[-1], "last": fixed.iloc[-1]}
        values = {f"{rung}_{name}": _short(value) for rung, line in rungs.items() for name, value in line.items()}
        ours = {line["symptom"]: self.reproduced(line) for line in self.findings.table(SUMMARY).to_dict("records")}
        lines = []
        for symptom in SYMPTOMS:
            shown = symptom in rungs["first"]["symptoms"].split()
            chip = self.say("reproduced" if shown else "not_reached"), CAUSE if shown else ONE_TRAINING
            line = ours.pop(symptom, Line("", *chip))
            lines.append(replace(line, title=self.say(f"cause_{symptom}", **values)))
        return [Lines([*lines, *ours.values()])]

    def reproduced(self, line: Mapping[str, Any]) -> Line:
        """The user's number against ours."""
        interval = "" if pd.isna(line["low"]) else f" [{_short(line['low'])}, {_short(line['high'])}]"
        text = self.say("number", users=_short(line["users_number"]), ours=_short(line["ours"]) + interval, how=line["how"])
        chip = (self.say("reproduced"), CAUSE) if line["reproduced"] else (self.say("not_reproduced"), UNDECIDED)
        return Line(f"**{self.say(line['symptom'])}**", *chip, text)

    def ladder(self) -> list[Block]:
        ladder = self.findings.table(LADDER)
        if ladder.empty:
            return []
        wide, small = (png(ladder_chart(ladder, columns)) for columns in (4, 2))
        return [Figure(wide, self.say("ladder_caption"), self.say("the_ladder"), small=small)]

    def overview(self) -> Lines:
        """A line per suspicion, the most telling first: the failing code's way, alone and fixed."""
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
            text = "; ".join(f"{self.say('short_' + v['design'])} {words.verdict(self.language, v, True)}" for v in verdicts)
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

        def mark(verdict: Verdict) -> Mark:
            places = [place(end) for end in ends(verdict)]
            return Mark(places[0], min(places), max(places), verdict["design"].removesuffix("_one"))

        drawn = [replace(line, marks=[mark(one) for one in verdicts if ends(one)]) for line, verdicts in lines]
        ticks = [(place(sign * tick), f"{sign * tick:+d}") for tick in TICKS if tick < reach for sign in (-1, 1)]
        return Lines(drawn, caption, (place(-1), place(1)), sorted([(0.5, "0"), *ticks]))

    def limits(self) -> list[Block]:
        kinds = self.findings.table("verdicts")["kind"]
        said = {
            "embedded_scale": self.findings.facts["run"]["codec"] != "autoencoder",
            "one_training_only": kinds.isin([ONE_TRAINING, WAS_NOT_RUN]).any(),
            "open_arms": kinds.isin(OPEN).any(),
        }
        return [Callout(self.say(code)) for code, holds in said.items() if holds]

    def rungs(self) -> list[Block]:
        ladder, known = self.findings.table(LADDER), {issue.id: issue for issue in self.findings.issues}
        cards: dict[str, list[Card]] = {PAIR: [], FIX: [], BREAK: []}
        if len(ladder):
            cards[PAIR] = [self.card(PAIR, name, self.say(name), "") for name in self.findings.sounds.get(PAIR, {})]
        for line in ladder.to_dict("records"):
            back, issue = line["direction"] == BREAK, known.get(line["issue"])
            name = issue.id if issue else self.say(AS_FOUND if line["rung"] == 0 else ALIGNED)
            says = f"{self.arm(issue, str(issue.as_found) if back else ALIGNED)}. " if issue else ""
            left = "; ".join(self.say(symptom) for symptom in line["symptoms"].split()) or self.say("none_left")
            text = self.say("rung", **{key: _short(value) for key, value in line.items()} | {"says": says, "left": left})
            title = f"✘ {name}" if back else f"{line['rung']} · {name}"
            cards[line["direction"]].append(self.card(LADDER, f"{line['direction']} {line['rung']}", title, text))
        return [Cards(some, self.say(f"{name}_cards")) for name, some in cards.items() if some]

    def card(self, group: str, name: str, title: str, text: str) -> Card:
        """The loss of one configuration, and its output for the example."""
        sound = self.findings.sounds.get(group, {}).get(name)
        figure = Figure(self.pictures[group, name], "", f"{title}: {self.say('seen')}")
        return Card(title, text, figure, Player(sound, title) if sound else None)

    def clearances(self) -> list[Block]:
        lines = []
        for line in self.findings.table("clearances").to_dict("records"):
            name, good = line["clearance"], line[AS_FOUND] == "passes"
            chip = (self.say("holds"), "good") if good else (self.say("does_not_hold"), "bad")
            why = {
                which: self.say(line[f"{which}_why"], **json.loads(line[f"{which}_values"])) for which in (AS_FOUND, ALIGNED)
            }
            text = self.say("clearance", found=why[AS_FOUND], aligned=why[ALIGNED])
            lines.append(Line(self.say(f"asks_{name}"), *chip, text, f"S1: «{self.say(f'clears_{name}')}»"))
        wrong = sum(line.kind == "bad" for line in lines)
        return [Text(self.say("cleared", wrong=wrong, of=len(lines))), Lines(lines)] if lines else []

    def symptoms(self) -> list[Block]:
        tables = [name for name in (FULL_SIZE, "symptoms") if len(self.findings.table(name))]
        blocks: list[Block] = [Details(self.say(name), [Table(self.plain(self.findings.table(name)))]) for name in tables]
        curve = self.findings.curves.get(self.findings.facts["trainings"].get(AS_FOUND, ""))
        half = self.findings.table(HALF_PRECISION)
        norms = {}
        if curve is not None and tables:
            norms[AS_FOUND] = curve.rename(columns={"loss_scaled": "logged", "true_norm": "true"})
        if len(half):
            norms |= dict(list(half[half["micro_batch"] == half["micro_batch"].max()].groupby("setting")))
        for name, values in norms.items():
            columns = [column for column in ("logged", "true", "scale") if column in values]
            drawn = {column: values[["step", column]].rename(columns={column: "value"}) for column in columns}
            picture = curves_chart(drawn, "gradient norm", name, logarithmic=True)
            if picture is not None:
                caption = self.say("norms_caption", name=name.replace(" ", "_"))
                blocks.append(Figure(png(picture), caption, narrow=True))
        return blocks

    def plain(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table with short numbers, and names in the page's language."""

        def cell(value: object) -> str:
            if isinstance(value, bool):
                return "✔" * int(value)
            return words.name_of(self.language, value) if isinstance(value, str) else _short(value)

        def column(name: str) -> str:
            special = f"column_{name}"
            return self.say(special) if special in words.words() else words.name_of(self.language, name)

        return table.drop(columns="issue", errors="ignore").map(cell).rename(columns=column)

    def issue(self, issue: Issue) -> list[Block]:
        say, of = self.say, self.of
        places = [(say(s.document), f"`{s.section}`" if s.document == "F" else s.section) for s in issue.source]
        sources = "; ".join(", ".join(place) for place in places)
        claim = issue.zh.claim if self.language == "zh" and issue.zh else issue.claim.en
        quote = f"\n\n> {issue.claim.zh}" if issue.claim.zh else ""
        differs = say(f"differs_{issue.differs.replace(' ', '_')}")
        blocks: list[Block] = [
            Text(f"**{say('document_says')}** ({sources}). {claim}{quote}"),
            Text(f"**{say('failing_code_does')}** ({differs}). {of(issue, 'difference')}"),
            Text(f"**{say('authors_do')}.** {of(issue, 'authors')}"),
            *([Callout(of(issue, "note"))] if of(issue, "note") else []),
            Text(say("measured", metric=issue.metric, direction=issue.direction, least=f"{issue.smallest_effect:g}")),
        ]
        lines = [(self.answer(issue, line), [line]) for line in self.verdicts(issue)]
        blocks += [self.forest(lines)] if lines else []
        names = self.findings.sounds.get(issue.id, {})
        cards = [self.card(issue.id, name, f"`{name}`", self.arm(issue, name)) for name in names]
        blocks += [Cards(cards)] if cards else []
        rows = self.findings.tables["rows"]
        minutes = rows[rows["issue"] == issue.id]["seconds"].sum() / 60
        again = say("again", issue=issue.id, minutes=f"{minutes:.1f}")
        return [*blocks, Callout(f"**{say('what_to_do')}.** {of(issue, 'do')}", "good"), Text(again)]

    def answer(self, issue: Issue, line: Verdict) -> Line:
        """One arm of a suspicion: what it is, its verdict, what it sets."""
        arm = issue.arms.get(line["arm"]) if line["design"] == "add_one" else None
        sets = ", ".join(f"{name}: {value}" for name, value in arm.set.items()) if arm else ""
        note = self.say(line["design"]) + (f": `{sets}`" if sets else "")
        values = "" if math.isnan(line["value"]) else f"{line['baseline_value']:.3g} → {line['value']:.3g}: "
        title = f"`{line['arm']}` {self.arm(issue, line['arm'])}"
        return Line(title, self.say(line["kind"]), line["kind"], values + words.verdict(self.language, line), note)

    def verdicts(self, issue: Issue) -> list[dict[str, Any]]:
        table = self.findings.table("verdicts")
        return table[table["issue"] == issue.id].to_dict("records")


def _short(value: object) -> str:
    """A number in three digits, thousands in groups; words as they are."""
    if not isinstance(value, int | float | np.number):
        return str(value)
    size = abs(float(value))
    if not math.isfinite(size):
        return number(float(value))
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3g}"


def _samples(sound: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(sound), dtype="float32", always_2d=True)[0].T
