"""The audit's page: drawn from saved findings, in two languages, with words that claim no more than was measured."""

import re
from html import unescape

import pandas as pd
import pytest

from found_audit import found_audit
from saga_kedro.audit.findings import FACTS, collect, read, save
from saga_kedro.audit.ladder import climb
from saga_kedro.audit.report import Page, draw_cards
from saga_kedro.audit.session import Audit
from saga_kedro.audit.symptoms import SYMPTOMS
from saga_kedro.audit.verdicts import KINDS
from saga_kedro.audit.words import say, words
from saga_kedro.reporting.blocks import Cards, Figure, Lines
from saga_kedro.reporting.html import render_html
from tiny_audit import catalogue, tiny_bench, tiny_data, tiny_parameters

SUMMARY = pd.DataFrame(
    {
        "symptom": ["sdr_symptom"], "users_number": [-70.0], "ours": [-68.2], "low": [-71.3], "high": [-65.1],
        "reproduced": [True], "how": ["half_precision_steps"],
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def findings():
    return found_audit()


@pytest.fixture(scope="module")
def pictures(findings):
    return draw_cards(findings)


@pytest.fixture(scope="module")
def page(findings, pictures):
    return Page(findings, pictures).report()


@pytest.fixture(scope="module")
def chinese(findings, pictures):
    return Page(findings, pictures, "zh").report()


def lines_of(report, section):
    (found,) = (block for block in report.sections[section].blocks if isinstance(block, Lines))
    return found


def test_what_was_found_is_read_again_as_it_was_saved_in_a_few_files_without_paths_of_the_machine(findings, tmp_path):
    again = read(save(findings, tmp_path), catalogue())
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 5e6
    assert len(list((tmp_path / "sounds").iterdir())) == len({s for of in findings.sounds.values() for s in of.values()})
    assert str(tmp_path) not in (tmp_path / FACTS).read_text()
    assert again.issues == findings.issues
    assert again.sounds == findings.sounds
    assert again.facts["run"] == findings.facts["run"]
    assert set(again.tables) == set(findings.tables)
    for name, table in findings.tables.items():
        pd.testing.assert_frame_equal(again.table(name), table, check_dtype=False, rtol=1e-4)
    for key, curve in findings.curves.items():
        pd.testing.assert_frame_equal(again.curves[key][list(curve)], curve, check_dtype=False, rtol=1e-4)
    SUMMARY.to_csv(tmp_path / "symptoms_summary.csv", index=False)  # of an experiment, beside the findings
    assert read(tmp_path, catalogue()).table("symptoms_summary")["symptom"].tolist() == ["sdr_symptom"]
    with pytest.raises(FileNotFoundError, match=r"No findings of an audit in .*: run `kedro run --pipeline audit`"):
        read(tmp_path / "nowhere", catalogue())


def test_what_is_on_disk_is_collected_with_a_curve_and_a_sound_for_every_rung(tmp_path):
    parameters, few = tiny_parameters(), catalogue().model_copy(deep=True)
    few.ladder.fix[:], few.ladder.break_again[:] = ["metric_units"], ["metric_units"]
    audit = Audit(parameters, few, few.issues, [], tiny_bench(tiny_data(tmp_path), tmp_path, parameters), tmp_path / "audit")
    ladder = climb(few, audit.ladder_aligned, audit.bench)
    found = collect(audit, {"ladder": ladder, "clearances": pd.DataFrame({"clearance": []})}, "")
    assert set(found.tables) == {"ladder"}
    assert set(found.sounds["ladder"]) == {"fix 0", "fix 1", "fix 2", "break 1"}
    assert set(found.table("ladder")["training"]) <= set(found.curves)
    assert {"step", "loss", "true_norm", "loss_scaled"} == set(found.curves[found.facts["trainings"]["fix 0"]])


def test_the_page_begins_with_the_causes_then_the_ladder_then_the_suspicions(page):
    causes = lines_of(page, 0).lines
    assert "the frozen VAE is never loaded" in causes[0].title
    assert "**1.09**" in causes[0].title
    ladder = page.sections[1].blocks[0]
    assert isinstance(ladder, Figure)
    assert ladder.small
    kinds = list(dict.fromkeys(line.kind for line in lines_of(page, 2).lines))
    assert kinds == [kind for kind in KINDS if kind in kinds], "the most telling first"


def test_every_suspicion_links_to_its_section_which_says_what_to_do(page, findings):
    document = render_html(page)
    assert all(unescape(issue.do.split("`")[0]) in unescape(document) for issue in findings.issues)
    places = set(re.findall(r'id="([^"]+)"', document))
    links = {unescape(line.link) for line in lines_of(page, 2).lines}
    assert len(links) == 20
    assert {link.removeprefix("#") for link in links} <= places


def test_the_band_is_what_does_not_matter(page, findings):
    forest = lines_of(page, 2)
    low, high = forest.band
    of = {f"{v['issue']} {v['design']} {v['arm']}": v for v in findings.table("verdicts").to_dict("records")}
    inside = {line.title: [low < mark.low and mark.high < high for mark in line.marks] for line in forest.lines}
    for issue in findings.issues:
        v = of.get(f"{issue.id} fix_one aligned")
        if v is not None and v["kind"] == "no_effect":
            assert inside[issue.title][-1]
        if v is not None and v["kind"] == "matters":
            assert not inside[issue.title][-1]


def test_one_training_is_grey_and_called_neither_an_effect_nor_none(page):
    for section in page.sections:
        for line in (line for block in section.blocks if isinstance(block, Lines) for line in block.lines):
            if line.kind == "one_training" and line.chip != "not reached here":
                assert line.chip == "on this training"
                assert not re.search(r"\beffect", line.text)


def test_every_rung_has_a_curve_a_spectrogram_and_a_sound(page, findings):
    _, fixed, broken = (block for block in page.sections[3].blocks if isinstance(block, Cards))
    assert len(fixed.cards) + len(broken.cards) == len(findings.table("ladder"))
    assert all(card.player and card.figure.image for card in [*fixed.cards, *broken.cards])


def test_half_precision_is_drawn_and_not_listed(pictures):
    lines = [("paper", step, micro, 65_536.0, 9e3, 0.1) for step in range(4) for micro in (0, 15)]
    table = pd.DataFrame(lines, columns=["setting", "step", "micro_batch", "scale", "logged", "true"])
    section = Page(found_audit(half_precision=table), pictures).report().sections[5]
    found, paper = (block.caption for block in section.blocks if isinstance(block, Figure))
    assert "as found" in found
    assert "paper" in paper
    assert len(section.blocks) == 3


def test_the_users_numbers_are_beside_ours_where_they_were_measured(pictures):
    document = render_html(Page(found_audit(symptoms_summary=SUMMARY), pictures).report())
    assert "You report <strong>-70.0</strong>; measured <strong>-68.2 [-71.3, -65.1]</strong>: a real training" in document


def test_the_chinese_page_is_the_same_page_in_chinese(page, chinese):
    assert [len(section.blocks) for section in chinese.sections] == [len(section.blocks) for section in page.sections]
    assert lines_of(chinese, 2).lines[0].marks == lines_of(page, 2).lines[0].marks
    document = render_html(chinese)
    assert '<html lang="zh-CN">' in document
    text = unescape(re.sub(r"<style.*?</style>|<code>.*?</code>|<[^>]+>", " ", document, flags=re.S))
    assert not re.findall(r"\b(?:the|is|and|with|loss settles|trainings?|worse|better)\b", text)


def test_every_issue_has_its_chinese():
    for issue in catalogue().issues:
        assert issue.zh is not None
        assert bool(issue.zh.note) == bool(issue.note)
        assert issue.claim.zh or issue.zh.claim
        assert all(arm.zh for arm in issue.arms.values()), issue.id


REASONS = ("crashed", "needs_parameter", "needs_training", "same_settings", "same_steps", "same_numbers", "same_outputs")


def test_every_reason_and_every_kind_has_its_words_that_ask_for_the_same_values_in_both_languages():
    for code in (*KINDS, *REASONS, *SYMPTOMS):
        assert say("zh", code, detail="x") != code
    for code, both in words().items():
        assert set(re.findall(r"\{(\w+)", both["en"])) == set(re.findall(r"\{(\w+)", both["zh"])), code
