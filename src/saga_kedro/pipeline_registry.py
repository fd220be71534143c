"""The pipelines that `kedro run --pipeline` knows: the folders of pipelines/. Kedro imports those that a run asks for."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """Name -> pipeline; ``train`` is the default."""
    try:
        found = find_pipelines(raise_errors=True)
    except ImportError as error:
        if error.__cause__:
            raise
        return {}  # a name that there is not: Kedro says which are near
    return found | ({"__default__": found["train"]} if "__default__" in found else {})
