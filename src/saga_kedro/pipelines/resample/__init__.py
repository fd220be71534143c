from saga_kedro.pipelines.resample.pipeline import create_pipeline as create_pipeline
