from saga_kedro.pipelines.ship.pipeline import create_pipeline as create_pipeline
