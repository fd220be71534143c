from saga_kedro.pipelines.encode.pipeline import create_pipeline as create_pipeline
