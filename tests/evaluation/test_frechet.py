"""Distances between sets of clips: the formula and the embedding."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import sqrtm

from saga_kedro.audio.io import write_audio
from saga_kedro.evaluation import frechet
from saga_kedro.evaluation.frechet import COLUMNS, frechet_distance, log_mel, set_distances
from saga_kedro.evaluation.score import score_outputs
from saga_kedro.parameters import Evaluate

RATE = 44_100


def asked(*metrics):
    return Evaluate(model=None, metrics=list(metrics), rolloff_reference=False, examples=0)


@pytest.fixture
def tables(tmp_path):
    """Two pairs of noise; row ``same`` is the reference itself, row ``dull`` its low half, row ``lost`` has no file."""
    rng = np.random.default_rng(0)
    pairs, outputs, rows = [], [], ("same", "dull", "lost")
    for index in range(2):
        reference = (0.1 * rng.standard_normal((2, 2 * RATE))).astype(np.float32)
        spectrum = np.fft.rfft(reference)
        spectrum[:, spectrum.shape[1] // 2 :] = 0
        same, dull = (str(tmp_path / f"{index}_{name}.wav") for name in ("reference", "dull"))
        write_audio(same, reference, RATE)
        write_audio(dull, np.fft.irfft(spectrum).astype(np.float32), RATE)
        pairs.append((f"p{index}", f"c{index}", "g", "music", 4.0, 2 * RATE, same, same, f"h{index}"))
        outputs += [(f"p{index}", row, path, f"{row}{index}") for row, path in zip(rows, (same, dull, ""), strict=True)]
    columns = ["pair_id", "clip_id", "group", "category", "cutoff_khz", "samples", "low", "reference", "content_hash"]
    outputs = pd.DataFrame(outputs, columns=["pair_id", "row", "path", "key"]).assign(seconds=np.nan, peak_memory_GB=np.nan)
    return pd.DataFrame(pairs, columns=columns), outputs


def test_the_distance_is_its_formula_and_one_window_is_no_distribution():
    rng = np.random.default_rng(1)
    one, two = rng.standard_normal((50, 6)), rng.standard_normal((40, 6)) @ rng.standard_normal((6, 6)) + 0.5
    s1, s2 = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    expected = ((one.mean(0) - two.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real)
    assert frechet_distance(one, two) == pytest.approx(expected)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, one + 2.0) == pytest.approx(6 * 4.0)
    assert np.isnan(frechet_distance(np.zeros((1, 3)), np.zeros((9, 3))))


def test_log_mel_filters_are_torchaudios_and_its_windows_are_of_a_second():
    from torchaudio.functional import melscale_fbanks

    np.testing.assert_allclose(frechet._mel_filters(), melscale_fbanks(1025, 0.0, RATE / 2, 32, RATE).numpy(), atol=1e-5)
    assert log_mel(np.zeros((2, 3 * RATE), np.float32)).shape == (4, 64)  # the last window would need 57 ms more
    assert log_mel(np.zeros((1, 100), np.float32)).shape == (1, 64)
    sine = np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE, dtype=np.float32)[None]
    louder, softer = log_mel(sine), log_mel(sine / 10)
    band = louder[0, :32].argmax()
    assert louder[0, band] - softer[0, band] == pytest.approx(2, abs=0.01)  # log10 of power
    np.testing.assert_allclose(louder[:, 32 + band], 0, atol=0.01)  # a steady tone does not move


def test_a_row_is_compared_with_its_references_and_what_is_missing_stays_missing(tables, tmp_path):
    distances = set_distances(tables[0], tables[1], asked("LSD", "FD_logmel"), tmp_path / "rows", workers=1)
    assert list(distances.columns) == COLUMNS
    values = distances.set_index("row")["value"]
    assert set(values.index) == {"same", "dull"}
    assert values["same"] == pytest.approx(0, abs=1e-6)
    assert values["dull"] > 10
    assert set(distances["clips"]) == {2}
    scores = score_outputs(tables[0], tables[1], tmp_path / "rows", ["SNR", "FD_logmel"], workers=1)
    assert set(scores["metric"]) == {"SNR"}  # distances between sets are no scores of clips
    assert list(set_distances(tables[0], tables[1], asked("SNR"), tmp_path / "rows")) == COLUMNS


def test_embeddings_are_kept_and_stale_ones_go(tables, tmp_path, monkeypatch):
    pairs, outputs = tables

    def kept(some):
        set_distances(pairs, some, asked("FD_logmel"), tmp_path / "rows", workers=1)
        return len(list((tmp_path / "rows" / "embeddings").iterdir()))

    assert kept(outputs) == 6
    monkeypatch.setattr(frechet, "log_mel", lambda *_: pytest.fail("embedded again"))
    assert kept(outputs[outputs["row"] == "same"]) == 4
    monkeypatch.setattr(frechet, "code", lambda stage: "changed")
    with pytest.raises(pytest.fail.Exception, match="embedded again"):
        kept(outputs)
