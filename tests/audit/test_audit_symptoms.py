"""The symptom matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from saga_kedro.audit.plan import ALIGNED, AS_FOUND, baselines
from saga_kedro.audit.symptoms import CAUSES, READINGS, bad_metrics, hump, measure_symptoms, norms, settles, smallest_sets
from tiny_audit import catalogue, tiny_bench, tiny_data, tiny_parameters


def test_a_level_is_no_plateau():
    assert settles(1.2, still_falls=0.005)
    assert not settles(1.2, still_falls=0.05)
    assert not settles(0.9, still_falls=0.0)


def test_both_metrics_must_be_bad():
    assert bad_metrics(30, -70)
    assert not bad_metrics(30, -10)
    assert not bad_metrics(3, -70)


def test_a_rise_and_fall_is_a_hump():
    curve = np.concatenate([np.full(20, 1000.0), np.full(20, 4000.0), np.full(20, 1000.0)])
    assert hump(*norms(curve).values())
    assert not hump(*norms(np.full(60, 1000.0)).values())


def test_the_smallest_sets_are_those_with_most_symptoms():
    lines = [
        ("random_vae", True, False, False),
        ("random_vae+lsd_in_db", True, True, False),
        ("random_vae+backwards", True, False, False),
        ("random_vae+lsd_in_db+loss_scale", True, True, False),
    ]
    matrix = pd.DataFrame(lines, columns=["names", "loss_symptom", "metrics_symptom", "gradient_symptom"])
    assert smallest_sets(matrix) == (2, ["random_vae+lsd_in_db"])


@pytest.fixture(scope="module")
def parameters():
    return tiny_parameters(seeds=1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory, parameters):
    return tiny_bench(tiny_data(tmp_path_factory.mktemp("clips")), tmp_path_factory.mktemp("symptoms"), parameters)


@pytest.fixture(scope="module")
def matrix(bench, parameters):
    both = baselines(catalogue(), parameters)
    return measure_symptoms(both[ALIGNED], both[AS_FOUND], bench)


def test_every_cell_of_the_matrix_is_measured(matrix):
    subsets = 2 ** len(CAUSES)
    assert len(matrix) == subsets + 2 * (len(READINGS) + 1) + 1
    assert matrix[["LSD", "SDR"]].notna().all().all()
    trained = matrix[matrix["company"].isin(["alone", "in company", "all of it"]) & matrix["loss"].notna()]
    assert len(trained) == subsets + 1


def test_a_cause_changes_its_own_column_only(matrix):
    lines = matrix[matrix["company"] == "alone"].drop_duplicates("names").set_index("names")
    right = lines.loc[""]
    assert lines.loc["lsd_in_db", "LSD"] > 5 * right["LSD"]
    assert lines.loc["lsd_in_db", "SDR"] == right["SDR"]
    assert lines.loc["loss_scale", "norm_first"] == pytest.approx(65_536 * right["norm_first"])
    assert lines.loc["loss_scale", "loss"] == right["loss"]
    assert lines.loc["backwards", "loss"] == right["loss"]


def test_an_all_zero_output_reads_as_the_reference_says(matrix):
    zero = matrix[(matrix["names"] == "zero") & (matrix["company"] == "alone")].iloc[0]
    assert 18 < zero["LSD"] < 25
