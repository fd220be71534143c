"""The failing code's validation at its own size, here at a small one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from saga_kedro.audit import full_size
from saga_kedro.audit.records import Records
from saga_kedro.model.sampler import euler
from tiny_audit import tiny_data

SAMPLES = 24_000  # 11 latents of 2,048 samples, and some that are missing


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    clips = tiny_data(tmp_path_factory.mktemp("clips")).clips
    records = Records(tmp_path_factory.mktemp("records"))
    options = {"batches": 6, "outputs": 8, "channels": 2, "samples": SAMPLES}
    return full_size.measure(clips, records, **options), lambda: full_size.measure(clips, records, **options)


def latents(deviation: float, items: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    mean, spread = torch.randn(1, 8, 1, generator=source), torch.full((1, 8, 1), deviation)
    return mean, spread, torch.randn(items, 8, 40, generator=source)


def test_the_exact_velocity_makes_data_of_noise_the_right_way_round():
    mean, spread, noise = latents(0.5)
    data = euler(full_size.learnt(mean, spread), noise, np.linspace(0, 1, 101))
    assert (data - mean - spread * noise).std() < 0.05


def test_backwards_it_goes_away_from_the_data():
    mean, spread, noise = latents(0.5)
    found = full_size.backwards(full_size.learnt(mean, spread), noise)
    right = (noise - mean) / spread
    assert (found - right).std() < 0.05 * right.std()


def test_its_output_is_unrelated_to_the_reference(measured):
    table = full_size.table(measured[0]).set_index(["reading", "metric"])
    assert table.loc[(full_size.LEARNT, "sdr_per_item"), "high"] < -20


def test_a_batch_is_measured_flattened_and_per_item():
    draw = np.random.default_rng(0)
    references = [draw.standard_normal((1, 10_000)).astype(np.float32) for _ in range(4)]
    estimates = [reference[:, :9_000] + 1 for reference in references]
    found = full_size.measured(references, estimates)
    assert found["sdr_per_item"] > 60  # the mean is taken out
    assert found["sdr_flattened"] < 0  # three of four items are shifted


def test_every_reading_has_an_interval_and_is_kept(measured):
    lines, again = measured
    assert lines.groupby("reading")["batch"].nunique().to_dict() == {full_size.LEARNT: 6, full_size.WHITE: 6}
    assert np.isfinite(lines[list(full_size.METRICS)]).all().all()
    table = full_size.table(lines)
    assert list(table.columns) == full_size.COLUMNS
    assert (table["low"] < table["mean"]).all()
    assert (table["mean"] < table["high"]).all()
    pd.testing.assert_frame_equal(again(), lines)


def test_a_short_clip_is_repeated(tmp_path):
    clips = tiny_data(tmp_path).clips.iloc[:1]
    audio = full_size.segment(clips, 100_000, "a")
    assert audio.shape == (1, 100_000)
    np.testing.assert_array_equal(audio[:, :44_100], audio[:, 44_100:88_200])
