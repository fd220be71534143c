"""What counts as a symptom, and which arms give one."""

import numpy as np
import pandas as pd
import pytest

from saga_kedro.audit.symptoms import hump, matrix, norms, settles


def test_a_level_is_no_plateau_and_a_rise_and_fall_is_a_hump():
    assert settles(1.2, floor=1.15)
    assert not settles(1.2, floor=0.6)  # still falls
    assert not settles(0.9, floor=0.9)
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
    ends = [{"direction": "fix", "rung": rung, "issue": "", **RIGHT} for rung in (0, 1)]
    return pd.DataFrame([ends[0] | as_found, ends[1]])


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


def test_the_ladders_reverse_check_gives_a_symptom_too():
    back = {"direction": "break", "rung": 1, "issue": "vae_weights", **RIGHT, "loss_floor": 1.19}
    both = pd.concat([ladder(), pd.DataFrame([back])], ignore_index=True)
    table = matrix(pd.DataFrame([arm("vae_weights: random", 0, loss_plateau=1.4)]), both).set_index("names")
    assert table.loc["break vae_weights", "loss_symptom"]
    assert not table.loc["vae_weights: random", "loss_symptom"]


def test_what_the_aligned_configuration_shows_as_well_is_no_cause():
    rows = [arm("low_band: none", 0, loss_plateau=1.2, loss_floor=1.2)]
    both = ladder().assign(loss_floor=1.2)
    table = matrix(pd.DataFrame(rows), both).set_index("names")
    assert table.loc["aligned", "loss_symptom"]
    assert not table.loc["low_band: none", "loss_symptom"]
