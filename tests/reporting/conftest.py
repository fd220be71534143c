"""A browser for the tests that look at pages, the paper's numbers, and findings to report."""

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from must_have import missing, must_have
from saga_kedro.audio.io import write_audio
from saga_kedro.evaluation.summary import summarise
from saga_kedro.reporting.examples import choose_examples
from saga_kedro.reporting.likeness import Likeness
from saga_kedro.reporting.report import Findings
from saga_kedro.reporting.targets import checked_targets
from scratch_project import ROOT

RATE = 44_100


@pytest.fixture(scope="session")
def paper_targets() -> pd.DataFrame:
    """The paper's tables."""
    return checked_targets(pd.read_csv(ROOT / "conf" / "base" / "paper_targets.csv"))


@pytest.fixture(scope="session")
def pictures() -> ModuleType:
    """docs/make_pictures.py, which knows where browsers are and how they start."""
    must_have("playwright")
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser(pictures: ModuleType) -> Iterator[Any]:
    """A headless Chromium."""
    if pictures.find_browser() is None:
        missing("There is no Chromium or Chrome: install one (apt-get install chromium), or name it with CHROMIUM=/path/to/it.")
    with pictures.open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory, paper_targets: pd.DataFrame) -> Findings:
    """Of a run with everything in it: scores, curves, the dial, examples and facts."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    lines, pairs, outputs, curves = [], [], [], []
    for index, category in enumerate(("speech", "speech", "music")):
        paths = {}
        for row in ("reference", "untouched", "ours", "codec", "audiosr"):
            path = folder / f"{index}_{row}.wav"
            write_audio(path, (0.1 * rng.standard_normal((2, RATE // 2))).astype(np.float32), RATE)
            paths[row] = str(path)
            if row != "reference":
                lines.append((f"p{index}", f"c{index}", "g", category, 4.0, row, "LSD", float(rng.uniform(1, 3))))
                lines.append((f"p{index}", f"c{index}", "g", category, 4.0, row, "SI-SDR", float(rng.uniform(1, 30))))
                outputs.append((f"p{index}", row, str(path)))
                curves += [(row, category, 4.0, float(f), float(rng.uniform(0, 3))) for f in range(500, 22_000, 2000)]
        lines.append((f"p{index}", f"c{index}", "g", category, 4.0, "ours", "RTF", 0.5))
        pairs.append((f"p{index}", category, 4.0, paths["reference"]))
    scores = pd.DataFrame(lines, columns=["pair_id", "clip_id", "group", "category", "cutoff_khz", "row", "metric", "value"])
    pairs = pd.DataFrame(pairs, columns=["pair_id", "category", "cutoff_khz", "reference"])
    outputs = pd.DataFrame(outputs, columns=["pair_id", "row", "path"])
    steps = np.arange(50)
    named = {"train/loss": 2 - steps / 50, "train/grad_norm": 1 + steps / 10, "train/grad_norm/dit": 1 + steps / 20}
    named |= {f"val/loss/t{t}": 1 - steps / 100 for t in (0.1, 0.5)}
    history = [(int(step), name, float(v)) for name, values in named.items() for step, v in zip(steps, values, strict=True)]
    history += [(0, "yardstick/nothing", 2.0), (0, "yardstick/variance", 1.57), (0, "yardstick/z_l", 1.2)]
    return Findings(
        summary=summarise(scores),
        targets=paper_targets,
        likeness=Likeness(codec=False, data=False, test_set=False),
        history=pd.DataFrame(history, columns=["step", "metric", "value"]),
        curves=pd.DataFrame(curves, columns=["row", "category", "cutoff_khz", "frequency_hz", "lsd"]),
        dial=pd.DataFrame(
            [("p0", "speech", 4.0, 0.4, 0.45), ("p0", "speech", 4.0, 0.8, 0.7)],
            columns=["pair_id", "category", "cutoff_khz", "requested", "measured"],
        ),
        examples=choose_examples(pairs, outputs, per_category=1),
        facts={"Versions": {"data": "abc123", "git": "<b>dirty</b>"}, "Parameters": {f"p{i}": i for i in range(20)}},
        name="a tiny run",
    )
