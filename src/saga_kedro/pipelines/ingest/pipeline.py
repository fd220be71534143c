"""Pipeline `ingest`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.corpora.ingest import find_clips


def create_pipeline(**_) -> Pipeline:
    """Source of audio -> manifest, rejected files, files of pairs, the data's version."""
    inputs = ["ingest_settings", "repositories_settings", "seed_settings", "raw_folder", "findings_folder"]
    outputs = ["manifest", "rejected", "pair_table", "data_version"]
    return Pipeline([node(find_clips, inputs, outputs, name="find_clips")])
