"""A scratch project to run pipelines in, with a model so small that a run takes seconds."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]

# What makes the default run small: the same parts, less of everything.
TINY: dict[str, Any] = {
    "ingest": {"demo_minutes": 0.5},
    "degrade": {"cutoffs_khz": [4], "pairs_per_category": 1, "excerpt_seconds": 2.0},
    "model": {"segment_samples": 32768, "backbone": {"embed_dim": 32, "depth": 1, "num_heads": 1}},
    "fit": {
        "steps": 6,
        "batch_size": 2,
        "steps_per_epoch": 2,
        "validation_segments": 2,
        "log_every": 1,
        "rolloff_draws": 16,
        "workers": 0,
    },
    "sample": {"steps": 2},
    "evaluate": {"examples": 1},
    "report": {"dial": [0.6, 0.95]},
}


def base_parameters() -> dict[str, Any]:
    """conf/base/parameters.yml as it is committed."""
    return yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text())


def make_project(folder: Path, over: dict[str, Any] = TINY) -> Path:
    """A Kedro project with this code, ``over`` on top of its parameters, and separate data and runs."""
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    (folder / "conf/base/parameters.yml").write_text(yaml.safe_dump(merged(base_parameters(), over)))
    for name in ("pyproject.toml", "dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("mlruns", "conf/local", *(f"data/{layer.name}" for layer in (ROOT / "data").glob("0*"))):
        (folder / name).mkdir(parents=True)
    empty_store(folder / "mlruns")
    return folder


def empty_store(folder: Path) -> str:
    """The address of a store of MLflow without runs: mlflow.db in this folder."""
    (folder / "mlflow.db").write_bytes(_first_store())
    return f"sqlite:///{folder}/mlflow.db"


@cache
def _first_store() -> bytes:
    """The file, whose tables take MLflow seconds."""
    import mlflow

    with TemporaryDirectory() as folder:
        path = Path(folder) / "mlflow.db"
        mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
        return path.read_bytes()


def run_pipeline(
    project: Path, pipeline: str, env: str | None = None, to_nodes: list[str] | None = None, **parameters: Any
) -> Any:
    """`kedro run --pipeline` in this process, with ``parameters`` on top of the project's."""
    import mlflow
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(project)
    session: Any = KedroSession.create(project_path=project, env=env, runtime_params=parameters)
    try:
        with session:
            return session.run(pipeline_names=[pipeline], to_nodes=to_nodes)
    finally:  # a command would end here, and its MLflow run with it
        while mlflow.active_run():
            mlflow.end_run()


def as_option(parameters: dict[str, Any], prefix: str = "") -> str:
    """Parameters as `kedro run --params` takes them: ``{"fit": {"steps": 6}}`` gives ``fit.steps=6``."""
    return ",".join(
        as_option(value, f"{prefix}{name}.") if isinstance(value, dict) else f"{prefix}{name}={value}"
        for name, value in parameters.items()
    )


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries, the second one's values over the first's."""
    both = {key: merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(base[key], dict)}
    return {**base, **over, **both}
