from saga_kedro.pipelines.caption.pipeline import create_pipeline as create_pipeline
