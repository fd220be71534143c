"""The symptom matrix and the report that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from saga_kedro.audit.arms import run_arms
from saga_kedro.audit.issues import choose
from saga_kedro.audit.plan import plan
from saga_kedro.audit.report import build_report
from saga_kedro.audit.session import Audit, collect
from saga_kedro.audit.symptoms import hump, matrix, norms, settles
from saga_kedro.audit.verdicts import verdicts
from saga_kedro.reporting.html import render_html
from saga_kedro.reporting.markdown import render_markdown
from tiny_audit import catalogue, tiny_bench, tiny_data, tiny_parameters


def test_a_level_is_no_plateau():
    assert settles(1.2, floor=1.15)
    assert not settles(1.2, floor=0.6)  # goes on falling
    assert not settles(0.9, floor=0.9)


def test_a_rise_and_fall_is_a_hump():
    curve = np.concatenate([np.full(20, 1000.0), np.full(20, 4000.0), np.full(20, 1000.0)])
    assert hump(*norms(curve).values())
    assert not hump(*norms(np.full(60, 1000.0)).values())


RIGHT = {
    "loss_plateau": 1.2, "loss_still_falls": 0.1, "loss_floor": 0.6, "reported_LSD": 2.0, "reported_SDR": 14.0,
    "norm_first": 2.0, "norm_peak": 2.0, "norm_last": 1.0,
}  # fmt: skip


def arm(name: str, seed: int, **numbers: float) -> dict[str, object]:
    issue, arm = name.split(": ")
    return {"issue": issue, "arm": arm, "design": "add_one", "seed": seed, "status": "done", **RIGHT, **numbers}


def ladder(**as_found: float) -> pd.DataFrame:
    return pd.DataFrame([{"direction": "mend", "rung": 0, **RIGHT, **as_found}, {"direction": "mend", "rung": 1, **RIGHT}])


def test_a_cause_is_what_gives_a_symptom_alone_in_every_training():
    rows = [arm("vae_weights: random", seed, loss_plateau=1.22, loss_floor=1.19) for seed in range(3)]
    rows += [arm("metric_units: decibel", seed, reported_LSD=(24.0, 29.0, 30.0)[seed]) for seed in range(3)]
    table = matrix(pd.DataFrame(rows), ladder(reported_SDR=-66.0)).set_index("names")
    assert table["loss_symptom"].to_dict() == {
        "as_found": False, "aligned": False, "vae_weights: random": True, "metric_units: decibel": False,
    }  # fmt: skip
    assert not table.loc["metric_units: decibel", "lsd_symptom"]  # one of three trainings lies outside the bounds
    assert table.loc["metric_units: decibel", "LSD"] == pytest.approx(83 / 3)
    assert table.loc["as_found", "sdr_symptom"]


def test_what_the_aligned_configuration_shows_as_well_is_no_cause():
    rows = [arm("low_band: none", 0, loss_plateau=1.2, loss_floor=1.2)]
    both = ladder().assign(loss_floor=1.2)
    table = matrix(pd.DataFrame(rows), both).set_index("names")
    assert table.loc["aligned", "loss_symptom"]
    assert not table.loc["low_band: none", "loss_symptom"]


@pytest.fixture(scope="module")
def parameters():
    return tiny_parameters(seeds=1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory, parameters):
    return tiny_bench(tiny_data(tmp_path_factory.mktemp("clips")), tmp_path_factory.mktemp("symptoms"), parameters)


def test_the_report_has_the_table_first_and_a_section_per_issue(bench, parameters):
    known = catalogue()
    wanted = parameters | {"audit": parameters["audit"] | {"design": "add_one", "issue": "guidance_branches+flow_objective"}}
    issues = choose(known, wanted["audit"]["issue"])
    audit = Audit(wanted, known, issues, plan(known, issues, wanted), bench, Path("report"))
    rows = run_arms(audit.arms, bench)
    found = verdicts(rows, audit.arms, audit.trainings, None, audit.hours_per_training())
    report = build_report(collect(audit, rows, found, *[pd.DataFrame()] * 3, {}))
    titles = [section.title for section in report.sections]
    assert titles[:3] == ["Answers", "The three symptoms", "Clearances"]
    assert "guidance_branches: Guidance branches" in titles
    html = render_html(report)
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "https://" not in html
    assert "v_uncond" in html
    assert "on this training" in html
    assert "kedro run --pipeline audit --params audit.issue=guidance_branches" in html
    text, _ = render_markdown(report, "files")
    assert text.index("## Answers") < text.index("## The three symptoms")
