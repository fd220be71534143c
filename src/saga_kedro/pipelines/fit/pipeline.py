"""Pipeline `fit`."""

from kedro.pipeline import Pipeline, node

from saga_kedro.training.run import train_model


def create_pipeline(**_) -> Pipeline:
    """Clips, captions, text states or latents -> a saved model, and what is to be known of it."""
    data = ["clips", "captions", "text_index", "text_states_file", "latents", "data_version"]
    return Pipeline(
        [
            node(
                train_model,
                [*data, "settings", "model_folder", "mlflow_run"],
                ["fit_summary", "fit_to_mlflow"],
                name="fit",
                tags=["weights.codec", "weights.start"],
            )
        ]
    )
