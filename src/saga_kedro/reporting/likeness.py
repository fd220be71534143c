"""Whether what was measured is what the paper measured: codec, training data and test set, from what a run knows of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saga_kedro.reporting.targets import Likeness

# as `corpora.layouts` names them; the corpora that the paper trains and tests on (P)
TRAINING = frozenset({"freesound", "medleydb", "musdb18_hq", "moisesdb", "openslr"})
TEST = frozenset({"vctk", "fma_small", "esc50"})
CUTOFFS_KHZ = {4.0, 8.0}
LATENT_CHANNELS, HOP = 64, 2048


def likeness_of(
    codec: Mapping[str, Any], trained_on: Mapping[str, Any], tested_on: Mapping[str, Any], cutoffs_khz: set[float]
) -> Likeness:
    """What of a run is the paper's. What is not known counts as not the paper's.

    Args:
        codec: the model's section ``codec``.
        trained_on: the section ``ingest`` of the training, empty if it is not known.
        tested_on: the section ``ingest`` of the evaluation.
        cutoffs_khz: of the evaluation pairs.
    """
    return Likeness(
        codec=_is_stable_audio_open(codec),
        data=corpora(trained_on) == TRAINING,
        test_set=corpora(tested_on) == TEST and cutoffs_khz == CUTOFFS_KHZ,
    )


def likeness_of_model(model_summary: Mapping[str, Any], tested_on: Mapping[str, Any], cutoffs_khz: set[float]) -> Likeness:
    """`likeness_of` a saved model: its folder tells its codec, and its training's summary what it was trained on."""
    from saga_kedro.model.saved import CONFIG

    config = json.loads((Path(model_summary["folder"]) / CONFIG).read_text())
    return likeness_of(config["codec"], model_summary.get("ingest", {}), tested_on, cutoffs_khz)


def corpora(ingest: Mapping[str, Any]) -> set[str]:
    """The names of the corpora behind a section ``ingest``: its source, or the sub-folders of a collection."""
    source, path = ingest.get("source", ""), ingest.get("path")
    if source == "collection" and path and Path(path).is_dir():
        return {folder.name for folder in Path(path).iterdir() if folder.is_dir() and not folder.name.startswith(".")}
    return {source}


def _is_stable_audio_open(codec: Mapping[str, Any]) -> bool:
    """An autoencoder with the shape of Stable Audio Open's; whose weights they are, its folder's owner knows."""
    config = Path(str(codec.get("path") or "")) / "model_config.json"
    if codec.get("name") != "autoencoder" or not config.is_file():
        return False
    shapes = list(_objects_with(json.loads(config.read_text()), {"latent_dim", "downsampling_ratio"}))
    return any((shape["latent_dim"], shape["downsampling_ratio"]) == (LATENT_CHANNELS, HOP) for shape in shapes)


def _objects_with(node: Any, keys: set[str]) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if keys <= node.keys():
            yield node
        for child in node.values():
            yield from _objects_with(child, keys)
