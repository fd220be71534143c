"""Tables show missing values as missing; spectrograms share one scale."""

import math

import numpy as np
import pandas as pd
import pytest

from saga_kedro.reporting.figures import png
from saga_kedro.reporting.spectrograms import spectrogram_db, spectrogram_figure
from saga_kedro.reporting.tables import markdown_table, number, print_table, wide_table

RATE = 44_100


@pytest.fixture
def summary():
    lines = [
        ("other", "speech", 4.0, "LSD", 1.2, 1.1, 1.3),
        ("codec", "music", 4.0, "LSD", 0.9, math.nan, math.nan),
        ("ours", "speech", 4.0, "LSD", 1.0, 0.75, 1.25),
        ("ours", "music", 8.0, "LSD", 2.0, 1.5, 2.5),
        ("ours", "speech", 4.0, "SNR", 30.0, 29.0, 31.0),
    ]
    return pd.DataFrame(lines, columns=["row", "category", "cutoff_khz", "metric", "mean", "low", "high"])


def test_rows_and_columns_come_in_the_order_one_reads(summary):
    table = wide_table(summary, "LSD")
    assert list(table.columns) == ["row", "speech 4kHz", "music 4kHz", "music 8kHz"]
    assert list(table["row"]) == ["ours", "codec (true latents)", "other"]


def test_what_was_not_measured_is_a_dash(summary):
    ours, codec, other = wide_table(summary, "LSD").to_dict("records")
    assert (ours["speech 4kHz"], ours["music 4kHz"]) == ("1.00 ± 0.25", "–")
    assert codec["music 4kHz"] == "0.90"  # no interval of one clip
    assert other["music 8kHz"] == "–"
    assert number(math.nan) == "–"
    assert number(math.inf) == "∞"
    assert wide_table(summary, "FD").empty


def test_markdown_and_console_show_the_same_cells(summary, capsys):
    table = wide_table(summary, "LSD")
    markdown = markdown_table(table)
    assert markdown.splitlines()[1] == "| --- | ---: | ---: | ---: |"
    assert "| ours | 1.00 ± 0.25 | – | 2.00 ± 0.50 |" in markdown
    words = pd.DataFrame(
        {"arm": ["a"], "loss": ["✔ 1.23 (floor 1.19)"], "gradient": ["– → –"], "answer": ["no effect"], "gone": ["–"]}
    )
    assert markdown_table(words).splitlines()[1] == "| --- | ---: | ---: | --- | ---: |"
    assert markdown_table(pd.DataFrame({"a|b": ["c|d"]})).splitlines()[-1] == "| c\\|d |"
    print_table(table, "LSD")
    assert "1.00 ± 0.25" in capsys.readouterr().out


def test_levels_are_of_full_scale():
    time = np.arange(RATE) / RATE
    sine = np.sin(2 * np.pi * (RATE / 2048 * 100) * time)[None]
    level = spectrogram_db(sine)
    assert level[100].max() == pytest.approx(0.0, abs=0.01)
    assert spectrogram_db(np.zeros((2, 100))).max() == pytest.approx(-200)


def test_all_panels_share_the_references_scale_and_mark_the_cutoff():
    loud, quiet = 0.5 * np.ones((1, RATE)), np.random.default_rng(0).standard_normal((2, RATE)) * 0.01
    figure = spectrogram_figure({"input": quiet, "ours": loud, "reference": quiet}, RATE, 4000)
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="left") for axes in panels] == ["input", "ours", "reference"]
    assert len({axes.images[0].get_clim() for axes in panels}) == 1
    assert panels[0].images[0].get_clim()[1] == pytest.approx(float(spectrogram_db(quiet).max()))
    assert all(np.all(np.asarray(axes.lines[0].get_ydata()) == 4.0) for axes in panels)
    for drawn in (figure, spectrogram_figure({"reference": np.zeros((1, 1000))}, RATE)):  # silence, too
        assert png(drawn).startswith(b"\x89PNG")
