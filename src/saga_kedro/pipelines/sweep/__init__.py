from saga_kedro.pipelines.sweep.pipeline import create_pipeline as create_pipeline
