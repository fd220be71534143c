from saga_kedro.pipelines.report.pipeline import create_pipeline as create_pipeline
