"""Pipeline `fit`: trains the model on clips, captions, and text states or latents, and saves it."""

from kedro.pipeline import Pipeline, node

from saga_kedro.training.run import train_model


def create_pipeline(**_) -> Pipeline:
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
