"""The evaluation report: results, distance to the paper, training, spectrograms and sounds, parameters and versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from saga_kedro.evaluation.names import OURS, cutoff_name, metric_name
from saga_kedro.evaluation.score import SPEED
from saga_kedro.evaluation.summary import KEYS, flatten
from saga_kedro.reporting import charts
from saga_kedro.reporting.blocks import Block, Callout, Details, Figure, Report, Section, Table, Text
from saga_kedro.reporting.examples import Example, example_blocks
from saga_kedro.reporting.figures import Picture, png
from saga_kedro.reporting.likeness import Likeness
from saga_kedro.reporting.placement import misplaced, placement
from saga_kedro.reporting.tables import MISSING, column_title, columns_of, number, row_order, row_title, wide_table
from saga_kedro.reporting.targets import READING_NOTE, TARGET, display_name, gap, target_metrics

HEADLINE = "LSD"
METRIC_NOTES = {
    "LSD": "log10 of power, lower is better; a frame whose reference is digital silence scores 12 whatever the estimate",
    "LSD_scaled": "as LSD, after the gain that brings the estimate to the reference's level below 2.2 kHz",
    "LSD_sounding": "as LSD, without frames whose reference is digital silence",
    "LSD_below": "LSD of the bins below the cutoff, sounding frames: what the input already had",
    "LSD_above": "LSD of the bins above the cutoff, sounding frames: the generated band",
    "SI-SDR": "dB, higher is better; an untouched input may already score 20 to 35",
    "SNR": "dB, higher is better",
    "SDR": "dB, BSS-eval, higher is better",
    "logWMSE": "up to 73.7, higher is better; 0 where the error is as loud as the reference to the ear",
    "ViSQOL": "1 to 4.73, higher is better; audio mode, 48 kHz",
    "ViSQOL_speech": "1 to 5, higher is better; speech mode, 16 kHz",
    "2f-model": "MUSHRA points, 0 to 100, higher is better; 48 kHz",
    "DNSMOS": "1 to 5, higher is better; of speech alone, without a look at the reference; 16 kHz",
    "RTF": "seconds of computing per second of audio, lower is better",
    "MOS": "opinions of listeners, 1 to 5",
}
# folded
GROUPS = {
    "LSD in parts: sounding frames, below and above the cutoff": ("LSD_sounding", "LSD_below", "LSD_above"),
    "The waveform: SI-SDR, SNR, SDR, logWMSE": ("SI-SDR", "SNR", "SDR", "logWMSE"),
    "Time": (SPEED,),
}
# rows of the paper that are in the table, but not in the picture
LEFT_OUT = tuple(f"paper: {display_name(system)}" for system in ("saga_sr_without_text", "saga_sr_without_rolloff"))


@dataclass(frozen=True)
class Findings:
    """What the report shows, and its title. None or empty is what was not measured; the report notes it."""

    summary: pd.DataFrame  # of `evaluation.summary.summarise`
    targets: pd.DataFrame  # of `targets.checked_targets`
    likeness: Likeness
    scores: pd.DataFrame | None = None  # of `evaluation.score.score_outputs`
    history: pd.DataFrame | None = None  # of `tracking.read_history`
    curves: pd.DataFrame | None = None  # of `evaluation.score.frequency_curves`
    dial: pd.DataFrame | None = None  # of `evaluation.rolloff_dial.turn_dial`
    examples: Sequence[Example] = ()
    facts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # title -> name -> value
    name: str = "SAGA-SR"


def build_report(findings: Findings) -> Report:
    """The whole evaluation report."""
    examples = [block for example in findings.examples for block in example_blocks(example)]
    sections = [
        Section("Results", _results(findings)),
        Section("Distance to the paper", _distance(findings)),
        Section("Training", _training(findings.history)),
        Section("LSD against frequency", _frequency(findings.curves)),
        Section("The roll-off dial", _dial(findings.dial)),
        Section("Spectrograms and sounds", examples or [Text("No clips were kept as audio in this run.")]),
        Section("Parameters, versions and data", _facts(findings.facts)),
    ]
    return Report(findings.name, _subtitle(findings.summary), sections)


def with_paper(summary: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """The summary with the paper's systems as rows ``paper: SAGA-SR``, for the measured categories and cutoffs."""
    have = set(columns_of(summary))
    paper = targets.rename(columns={"value": "mean"}).assign(row="paper: " + targets["system"].map(display_name))
    measured = [column in have for column in zip(paper["category"], paper["cutoff_khz"], strict=True)]
    return pd.concat([summary, paper.loc[measured, [*KEYS, "mean"]]], ignore_index=True) if any(measured) else summary


def standing(summary: pd.DataFrame) -> str:
    """How often ours has a lower mean LSD than each other row that does not know the reference."""
    lines = summary[summary["metric"] == HEADLINE]
    table = lines.pivot_table(index="row", columns=["category", "cutoff_khz"], values="mean")
    if OURS not in table.index:
        return "There is no LSD of our own here."
    parts = []
    for row in row_order(table.index.tolist()):
        paper = row.startswith("paper: ")
        if row in (OURS, "rolloff_reference", "codec") or (paper and row != f"paper: {display_name(TARGET)}"):
            continue
        both = table.loc[[OURS, row]].dropna(axis=1)
        better = int((both.loc[OURS] < both.loc[row]).sum())
        parts.append(f"{row_title(row)}{' (on its own test set)' if paper else ''} in {better} of {both.shape[1]}")
    compared = "; ".join(parts)
    return f"**Mean LSD of ours is lower than** that of {compared} columns." if parts else "Nothing to compare ours with."


def gap_table(summary: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Ours, the paper's SAGA-SR and the difference for each metric, category and cutoff of the paper's; dashes for none."""
    metrics = flatten(summary)
    gaps = gap(metrics, target_metrics(targets))
    lines = []
    for line in targets[targets["system"] == TARGET].to_dict("records"):
        if line["metric"] in {*summary["metric"], HEADLINE}:
            name = metric_name(OURS, line["metric"], line["category"], line["cutoff_khz"])
            difference = gaps.get(f"gap/{name.removeprefix('eval/')}")
            what = f"{line['metric']}, {line['category']}, {cutoff_name(line['cutoff_khz'])}"
            shown = MISSING if difference is None else f"{difference:+.2f}"
            lines.append((what, number(metrics.get(name, float("nan"))), number(line["value"]), shown))
    return pd.DataFrame(lines, columns=["what", "ours", "SAGA-SR (paper)", "ours minus the paper's"])


def _subtitle(summary: pd.DataFrame) -> str:
    mine = summary[(summary["row"] == OURS) & (summary["metric"] == HEADLINE)]
    if mine.empty:
        return "No LSD of our own was measured."
    parts = [column_title(*column) for column in columns_of(mine)]
    return f"{int(mine['clips'].sum())} pairs: {', '.join(parts)}. Means and 95 % intervals over clips."


def _results(findings: Findings) -> list[Block]:
    blocks: list[Block] = []
    summary = with_paper(findings.summary, findings.targets)
    metrics = [metric for metric in dict.fromkeys(findings.summary["metric"]) if metric != HEADLINE]
    if HEADLINE in set(findings.summary["metric"]):
        blocks.append(Text(standing(summary)))
        blocks.append(Table(wide_table(summary, HEADLINE), f"LSD: {METRIC_NOTES[HEADLINE]}. Mean ± half the 95 % interval."))
        picture = charts.headline_chart(summary[~summary["row"].isin(LEFT_OUT)], HEADLINE)
        caption = "The same means with their 95 % intervals; lower is better."
        blocks += [] if picture is None else [Figure(png(picture), caption, f"LSD of every row. {caption}")]
    else:
        blocks.append(Text("LSD was not measured in this run."))
    if not findings.likeness.is_reproduction:
        blocks.append(Callout(f"Rows *paper: ...* are the paper's own numbers. {findings.likeness.sentence()}"))
    if findings.scores is not None:
        blocks += _placement(findings.scores)
    folded = {metric for group in GROUPS.values() for metric in group}
    blocks += _tables(summary, [metric for metric in metrics if metric not in folded])
    for title, group in GROUPS.items():
        tables = _tables(summary, [metric for metric in metrics if metric in group])
        blocks += [Details(title, tables)] if tables else []
    counted = findings.summary[findings.summary["metric"] == HEADLINE]
    if len(counted):
        clips = wide_table(counted, HEADLINE, cell=lambda line: str(int(line["clips"])))
        blocks.append(Details("Clips behind each mean", [Table(clips, "clips scored")]))
    return blocks


def _placement(scores: pd.DataFrame) -> list[Block]:
    title = "Level, delay and length against the references"
    blocks: list[Block] = [Details(title, [Table(placement(scores), f"{title}, least and greatest over clips")])]
    if over := misplaced(scores):
        note = "A louder copy can have a lower LSD than the copy itself: compare LSD_scaled."
        blocks.insert(0, Callout(f"**Other level, time or length than the references:** {'; '.join(over)}. {note}", "bad"))
    return blocks


def _tables(summary: pd.DataFrame, metrics: Sequence[str]) -> list[Block]:
    return [Table(wide_table(summary, metric), f"{metric}: {METRIC_NOTES.get(metric, '')}".rstrip(": ")) for metric in metrics]


def _distance(findings: Findings) -> list[Block]:
    same = findings.likeness.parts().items()
    likeness = pd.DataFrame([{"": name, "the paper's?": "yes" if value else "no"} for name, value in same])
    return [
        Callout(findings.likeness.sentence(), "good" if findings.likeness.is_reproduction else "note"),
        Table(gap_table(findings.summary, findings.targets), "Negative: closer to the reference than the paper's SAGA-SR."),
        Table(likeness, "What a reproduction would need"),
        Text(READING_NOTE),
    ]


def _picture(picture: Picture | None, caption: str) -> list[Block]:
    return [] if picture is None else [Figure(png(picture), caption, caption, narrow=True)]


def _training(history: pd.DataFrame | None) -> list[Block]:
    if history is None or history.empty:
        return [Text("No training curves: this model was not trained in a run that is known here.")]
    yardsticks = (
        "Training loss with the run's yardsticks: a model that predicts nothing, one that knows only the latents' variance, "
        "and one that knows z_l by linear regression."
    )
    comparable = "Losses at fixed t compare between runs whose distributions of t differ."
    blocks = _picture(charts.loss_chart(history), yardsticks)
    blocks += _picture(charts.validation_chart(history), comparable)
    blocks += _picture(charts.gradient_chart(history), "True gradient norms, total and per module.")
    return blocks or [Text("Neither loss nor gradient norm was logged by this run.")]


def _frequency(curves: pd.DataFrame | None) -> list[Block]:
    blocks: list[Block] = []
    for category, cutoff in columns_of(curves) if curves is not None else ():
        caption = f"{category}, {cutoff_name(cutoff)}: root mean square of the log10 power ratio over sounding frames."
        blocks += _picture(charts.frequency_chart(curves, category, cutoff), caption)
    return blocks or [Text("LSD against frequency was not measured in this run.")]


def _dial(dial: pd.DataFrame | None) -> list[Block]:
    if dial is None or dial.empty:
        return [Text("The roll-off dial was not measured in this run.")]
    caption = "Roll-off of the outputs against the one that was asked for, mean and deviation over clips; 1 is 22.05 kHz."
    return _picture(charts.dial_chart(dial), caption)


def _facts(facts: Mapping[str, Mapping[str, object]]) -> list[Block]:
    blocks: list[Block] = []
    for title, values in facts.items():
        lines = [(name, "" if value is None else str(value)) for name, value in values.items()]
        frame = pd.DataFrame(lines, columns=["name", "value"])
        blocks.append(Table(frame, title) if len(lines) <= 12 else Details(title, [Table(frame)]))
    return blocks or [Text("Nothing is known of parameters and versions.")]
