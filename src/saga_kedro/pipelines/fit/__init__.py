from saga_kedro.pipelines.fit.pipeline import create_pipeline as create_pipeline
