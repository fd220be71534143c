from saga_kedro.pipelines.audit.pipeline import create_pipeline as create_pipeline
