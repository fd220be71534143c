from saga_kedro.pipelines.train.pipeline import create_pipeline as create_pipeline
