"""Pipeline `ingest`: a source of audio to a manifest of clips, a list of rejected files, and the data's version."""

from kedro.pipeline import Pipeline, node

from saga_kedro.corpora.ingest import find_clips


def create_pipeline(**_) -> Pipeline:
    inputs = ["ingest_settings", "repositories_settings", "seed_settings", "raw_folder", "findings_folder"]
    outputs = ["manifest", "rejected", "pair_table", "data_version"]
    return Pipeline([node(find_clips, inputs, outputs, name="find_clips")])
