"""`kedro run --pipeline super_resolve`: a folder of the catalog in, a folder out, tracked in MLflow."""

from __future__ import annotations

import pandas as pd
import soundfile

from scratch_project import run_pipeline
from sounds import full_band, muffled


def test_a_folder_is_super_resolved_and_tracked(project, model_folder):
    import mlflow

    here = project()
    folder = here / "data/01_raw/muffled"
    (folder / "deep").mkdir(parents=True)
    soundfile.write(folder / "deep/muffled.wav", muffled(0.5).T, 44_100)
    soundfile.write(folder / "full.flac", full_band(0.5).T, 44_100)
    (folder / "broken.wav").write_text("no audio")
    earlier = here / "data/07_model_output/super_resolved/full.flac"
    earlier.parent.mkdir()
    earlier.write_text("of an earlier run")
    run_pipeline(here, "super_resolve", super_resolve={"model": str(model_folder)})
    assert earlier.read_bytes() == (folder / "full.flac").read_bytes()
    table = pd.read_csv(here / "data/08_reporting/super_resolved/files.csv").set_index("input")
    assert sorted(table["status"]) == ["failed", "left as it is", "super-resolved"]
    assert soundfile.info(here / "data/07_model_output/super_resolved/deep/muffled.wav").frames == 22_050
    runs = mlflow.search_runs(experiment_names=["saga_kedro"])
    assert runs["metrics.super_resolve/super_resolved"].dropna().tolist() == [1.0]
    assert runs["metrics.super_resolve/failed"].dropna().tolist() == [1.0]
