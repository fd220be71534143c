"""Pipeline `resample`: clips to 44.1 kHz FLAC."""

from kedro.pipeline import Pipeline, node

from saga_kedro.corpora.resampled import resample


def create_pipeline(**_) -> Pipeline:
    return Pipeline([node(resample, ["manifest", "clips_folder"], ["clips", "not_resampled"], name="resample")])
