from saga_kedro.pipelines.degrade.pipeline import create_pipeline as create_pipeline
