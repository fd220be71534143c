"""Pipeline `super_resolve`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.super_resolve.nodes import super_resolve_folder


def create_pipeline(**_) -> Pipeline:
    """A folder of audio -> a folder of audio, and a table of what became of each file."""
    return pipeline(
        [
            node(
                super_resolve_folder,
                inputs=["muffled_folder", "super_resolved_folder", "super_resolve_settings", "seed_settings"],
                outputs="super_resolved",
                name="super_resolve_folder",
            )
        ]
    )
