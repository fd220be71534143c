from saga_kedro.pipelines.targets.pipeline import create_pipeline as create_pipeline
