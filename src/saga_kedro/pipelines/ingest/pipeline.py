"""Pipeline `ingest`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.ingest.nodes import find_clips


def create_pipeline(**_) -> Pipeline:
    """Source of audio -> manifest, rejected files, files of pairs, the data's version."""
    return pipeline(
        [
            node(
                find_clips,
                inputs=["ingest_settings", "repositories_settings", "seed_settings", "raw_folder", "findings_folder"],
                outputs=["manifest", "rejected", "pair_table", "data_version"],
                name="find_clips",
            )
        ]
    )
