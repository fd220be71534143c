"""Pipeline `resample`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.corpora.resampled import resample


def create_pipeline(**_) -> Pipeline:
    """Manifest -> clips at 44.1 kHz."""
    return Pipeline([node(resample, ["manifest", "clips_folder"], ["clips", "not_resampled"], name="resample")])
