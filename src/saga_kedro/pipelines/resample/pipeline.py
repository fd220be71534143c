"""Pipeline `resample`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.resample.nodes import resample


def create_pipeline(**_) -> Pipeline:
    """Manifest -> clips at 44.1 kHz."""
    return pipeline(
        [
            node(
                resample,
                inputs=["manifest", "clips_folder"],
                outputs=["clips", "not_resampled"],
                name="resample",
            )
        ]
    )
