"""Pipeline `fit`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.fit.nodes import fit


def create_pipeline(**_) -> Pipeline:
    """Clips, captions, text states -> a saved model, and what is to be known of it."""
    return pipeline(
        [
            node(
                fit,
                inputs=[
                    "clips",
                    "captions",
                    "text_index",
                    "text_states_file",
                    "latents",
                    "data_version",
                    "settings",
                    "model_folder",
                ],
                outputs="fit_summary",
                name="fit",
            )
        ]
    )
