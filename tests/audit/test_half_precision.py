"""The failing configuration trained under a loss scale in float16."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from saga_kedro.audit.configurations import changed
from saga_kedro.audit.half_precision import ACCUMULATED, InHalf, measure, summary, train
from saga_kedro.audit.plan import AS_FOUND, baselines
from saga_kedro.audit.records import Records
from tiny_audit import catalogue, tiny_data, tiny_parameters


@pytest.fixture(scope="module")
def failing():
    return changed(baselines(catalogue(), tiny_parameters())[AS_FOUND], {"fit.batch_size": 4})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_data(tmp_path_factory.mktemp("clips"))


def test_what_is_logged_is_the_true_norm_times_the_scale(failing, data):
    half = pd.DataFrame(train(failing, data, 1, 2_000, encoded=4)["lines"])
    single = pd.DataFrame(train(failing, data, 1, 2_000, half=False, first_scale=1.0, encoded=4)["lines"])
    np.testing.assert_allclose(half["logged"], 65_536 * single["logged"], rtol=0.01)
    assert len(half) == ACCUMULATED
    assert half["logged"].iloc[-1] > 2 * half["logged"].iloc[0]  # it grows while batches accumulate


def test_the_scale_halves_on_an_overflow_and_doubles_after_good_steps(failing, data):
    scales = pd.DataFrame(train(failing, data, 3, 1, first_scale=2.0**40, encoded=4)["lines"]).groupby("step")["scale"].first()
    assert scales.tolist() == [2.0**40, 2.0**39, 2.0**38]
    scales = pd.DataFrame(train(failing, data, 2, 1, encoded=4)["lines"]).groupby("step")["scale"].first()
    assert scales.tolist() == [65_536.0, 131_072.0]


def test_an_operation_without_float16_stays_in_float32_and_is_named():
    mode = InHalf()
    with mode:
        found = torch.linalg.inv(2 * torch.eye(3, dtype=torch.float16))
    assert found.dtype == torch.float16
    assert float(found[0, 0]) == 0.5
    assert any("inv" in name for name in mode.stayed)
    assert not any("inv" in name for name in mode.ran)


def test_points_and_summary_have_what_they_promise(failing, data, tmp_path):
    found = measure(failing, data, Records(tmp_path), steps=1, settings={"as found": 2_000}, small={})
    assert list(found.columns) == ["setting", "step", "micro_batch", "scale", "logged", "true", "loss", "stayed"]
    assert found["micro_batch"].tolist() == list(range(ACCUMULATED))
    lines = summary(found)
    assert lines["read_at"].tolist() == ["first micro-batch", "last micro-batch"]
    assert not lines["reproduced"].any()


def test_a_curve_that_rises_and_falls_is_reproduced():
    logged = np.concatenate([np.full(20, 1_000.0), np.full(20, 4_000.0), np.full(20, 1_000.0)])
    found = pd.DataFrame({"setting": "as found", "step": range(60), "micro_batch": 0, "scale": 65_536.0, "logged": logged})
    assert summary(found.assign(true=found["logged"] / 65_536))["reproduced"].tolist() == [True]
