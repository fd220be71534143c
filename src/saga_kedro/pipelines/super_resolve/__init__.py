"""Pipeline `super_resolve`: a folder of muffled files becomes a folder of full-band ones."""

from saga_kedro.pipelines.super_resolve.pipeline import create_pipeline

__all__ = ["create_pipeline"]
