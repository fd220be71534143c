from saga_kedro.pipelines.ingest.pipeline import create_pipeline as create_pipeline
