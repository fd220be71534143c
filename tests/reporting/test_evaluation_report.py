"""The report: every section, nothing from outside, missing shown as missing."""

import html
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from saga_kedro.evaluation.score import PLACEMENT
from saga_kedro.evaluation.summary import summarise
from saga_kedro.reporting.blocks import Block, Callout, Details, Figure, Player, Players, Report, Section, Table, Text
from saga_kedro.reporting.charts import loss_chart
from saga_kedro.reporting.examples import choose_examples, listenable, write_examples
from saga_kedro.reporting.html import render_html
from saga_kedro.reporting.likeness import Likeness
from saga_kedro.reporting.placement import misplaced, placement
from saga_kedro.reporting.report import Findings, build_report, gap_table
from small_corpus import tiny_parameters

RATE = 44_100
SECTIONS = [
    "Results", "Distance to the paper", "Training", "LSD against frequency", "The roll-off dial", "Spectrograms and sounds",
    "Parameters, versions and data",
]  # fmt: skip


class Seen(HTMLParser):
    """Every tag's attributes, and whether tags are closed in order."""

    VOID = frozenset({"meta", "link", "img", "br", "hr"})

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def addresses(document):
    """All addresses that the document refers to, apart from places in itself."""
    named = ("src", "href", "srcset", "action", "poster", "data")
    values = [value for tag, name, value in Seen(document).attributes if name in named]
    return [value for value in values if not value.startswith("#")] + re.findall(r"url\(([^)]*)\)|@import", document)


@pytest.fixture(scope="module")
def document(findings):
    return render_html(build_report(findings))


def test_the_report_has_every_section(document):
    assert re.findall(r"<h2>(.*?)</h2>", document) == SECTIONS
    anchors = re.findall(r'<li><a href="#(.*?)">', document)
    assert all(f'<section id="{anchor}">' in document for anchor in anchors)
    assert len(anchors) == len(SECTIONS)


def test_the_report_is_well_formed_and_refers_to_nothing_outside(document):
    assert Seen(document).open == []
    assert all(address.startswith("data:") for address in addresses(document))
    assert not any(part in document for part in ("http://", "https://", "<script"))


def test_headline_has_our_rows_and_the_papers(document):
    headline = document[document.index("<table>") : document.index("</table>")]
    for row in ("ours", "input, untouched", "codec (true latents)", "audiosr", "paper: SAGA-SR", "paper: FlashSR"):
        assert f'<th scope="row">{row}</th>' in headline
    assert "<td>1.28</td>" in headline
    assert " ± " in headline
    assert "The codec, training data and test set of this run are not the paper" in html.unescape(document)
    assert "reading order alone" in document


def test_a_row_at_another_level_time_or_length_is_warned_of():
    placed = [
        ("ours", 0.4, 0, 0),
        ("ours", -0.9, 0, 0),
        ("other", 6.0, 0, 16),
        ("other", 5.5, -3, 0),
        ("unrelated", 0.0, np.nan, 0),
    ]
    lines = [(row, metric, value) for row, *values in placed for metric, value in zip(PLACEMENT, values, strict=True)]
    scores = pd.DataFrame(lines, columns=["row", "metric", "value"])
    warned = ["other: gain in dB 5.5 to 6.0", "other: extra samples 16", "other: delay in samples -3"]
    assert misplaced(scores) == warned
    assert placement(scores).iloc[1].tolist() == ["other", "5.5 to 6.0", "-3 to 0", "0 to 16"]
    assert placement(scores).iloc[2].tolist() == ["unrelated", "0.0", "–", "0"]


def test_pictures_and_players_are_inside(document):
    assert document.count("<audio") == 2 * 5
    assert document.count('src="data:image/png;base64,') == 1 + 3 + 2 + 1 + 2  # headline, training, frequency, dial, examples
    assert all(value for tag, name, value in Seen(document).attributes if (tag, name) == ("img", "alt"))


def test_names_from_outside_do_not_become_markup(document):
    assert "<b>dirty</b>" not in document
    assert "&lt;b&gt;dirty&lt;/b&gt;" in document
    assert "<i>x</i>" not in render_html(Report("<i>x</i>", "<i>x</i>", [Section("<i>x</i>", [Text("<i>x</i>")])]))


def test_what_was_not_measured_is_said_not_shown_as_zero(paper_targets):
    nothing = pd.DataFrame(columns=["row", "category", "cutoff_khz", "metric", "value"])
    empty = Findings(summarise(nothing), paper_targets, Likeness(False, False, False))
    document = render_html(build_report(empty))
    assert document == render_html(build_report(empty)), "the same findings give the same bytes"
    assert re.findall(r"<h2>(.*?)</h2>", document) == SECTIONS
    assert "LSD was not measured in this run." in document
    assert "The roll-off dial was not measured in this run." in document
    table = gap_table(empty.summary, paper_targets)
    assert set(table["ours"]) == {"–"}
    assert set(table["ours minus the paper's"]) == {"–"}
    assert "0.00" not in document


def test_every_kind_of_block_is_written():
    flac = listenable(np.zeros((1, 1000), np.float32))
    inner: list[Block] = [Text("*inside*"), Table(pd.DataFrame({"a": ["1"]}), "small")]
    blocks: list[Block] = [Callout("it *fails*\ntwice", "bad"), Details("more", inner)]
    blocks += [Players([Player(flac, "first")], "hear")]
    blocks += [Figure(b"\x89PNG....", "a dot", "a dot"), Figure(b"<svg></svg>", "a line")]
    report = Report("Audit", "of **one** issue", [Section("All", blocks)], footer="made by hand")
    document = render_html(report)
    parts = '<details><summary>more</summary> class="callout bad" data:audio/flac data:image/svg+xml <footer> <em>inside</em>'
    assert all(part in document for part in parts.split(" "))


def test_examples_take_turns_over_cutoffs_and_know_their_sounds():
    pairs = pd.DataFrame(
        [(f"{c}{k}{i}", c, k, "ref") for c in ("music", "speech") for k in (4.0, 8.0) for i in range(2)],
        columns=["pair_id", "category", "cutoff_khz", "reference"],
    )
    outputs = pd.DataFrame([("speech4.00", "ours", "a.wav"), ("speech4.00", "lost", "")], columns=["pair_id", "row", "path"])
    chosen = choose_examples(pairs, outputs, per_category=2)
    assert [example.pair_id for example in chosen] == ["speech4.00", "speech8.00", "music4.00", "music8.00"]
    assert chosen[0].paths == {"ours": "a.wav", "reference": "ref"}


def test_examples_are_written_as_figure_and_sounds(findings, tmp_path):
    paths = findings.examples[0].paths
    pairs = pd.DataFrame([{"pair_id": "p/0", "category": "speech", "cutoff_khz": 4.0, "reference": paths["reference"]}])
    outputs = pd.DataFrame([{"pair_id": "p/0", "row": "ours", "path": paths["ours"]}])
    evaluate = tiny_parameters(evaluate={"examples": 1}).evaluate
    table, logged = write_examples(pairs, outputs, evaluate, tmp_path)
    assert logged.artifacts == {"examples": [str(tmp_path)]}
    assert list(table["row"]) == ["spectrogram", "ours", "reference"]
    assert {Path(path).name for path in table["path"]} == {file.name for file in tmp_path.iterdir()}
    assert "speech_p_0.png" in {file.name for file in tmp_path.iterdir()}


def test_players_hold_the_middle_of_long_sounds():
    ramp = np.linspace(-0.5, 0.5, 10 * RATE, dtype=np.float32)[None]
    heard, rate = soundfile.read(io.BytesIO(listenable(ramp)))
    assert (rate, len(heard)) == (RATE, 4 * RATE)
    np.testing.assert_allclose(heard, ramp[0, 3 * RATE : 7 * RATE], atol=1e-4)


def test_the_loss_is_drawn_with_its_yardsticks(findings):
    picture = loss_chart(findings.history)
    assert picture
    labels = picture.axes[0].get_legend_handles_labels()[1]
    assert labels == ["train/loss", "predicts nothing: 2", "knows the variance: 1.57", "knows z_l, linearly: 1.2"]
