"""Whether codec, training data and test set of a run are the paper's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saga_kedro.model.saved import CONFIG

# the paper's corpora (P), as `corpora.layouts` names them
TRAINING = frozenset({"freesound", "medleydb", "musdb18_hq", "moisesdb", "openslr"})
TEST = frozenset({"vctk", "fma_small", "esc50"})
CUTOFFS_KHZ = {4.0, 8.0}
LATENT_CHANNELS, HOP = 64, 2048


@dataclass(frozen=True)
class Likeness:
    """Which parts of a run are the paper's. Its numbers are a reproduction only if all three are."""

    codec: bool
    data: bool
    test_set: bool

    @property
    def is_reproduction(self) -> bool:
        return self.codec and self.data and self.test_set

    def parts(self) -> dict[str, bool]:
        return {"codec": self.codec, "training data": self.data, "test set": self.test_set}

    def tags(self) -> dict[str, str]:
        """``paper.codec``, ``paper.data``, ``paper.test_set``, ``paper.reproduction``: ``yes`` or ``no``."""
        values = vars(self) | {"reproduction": self.is_reproduction}
        return {f"paper.{key}": "yes" if value else "no" for key, value in values.items()}

    def sentence(self) -> str:
        """The note beside every distance to the paper."""
        *others, last = [name for name, same in self.parts().items() if not same] or [""]
        if not last:
            return "Codec, training data and test set are the paper's: the distance below is a reproduction's."
        listed, verb = (f"{', '.join(others)} and {last}", "are") if others else (last, "is")
        return (
            f"The {listed} of this run {verb} not the paper's: the distance says where this model stands on its own test set, "
            "and is no reproduction of the paper's number."
        )


def likeness_of(model_summary: Mapping[str, Any], tested_on: Mapping[str, Any], cutoffs_khz: set[float]) -> Likeness:
    """What of a saved model and its test set (a section ``ingest``) is the paper's; anything unknown is not."""
    config = json.loads((Path(model_summary["folder"]) / CONFIG).read_text())
    return Likeness(
        codec=_is_stable_audio_open(config["codec"]),
        data=corpora(model_summary.get("ingest", {})) == TRAINING,
        test_set=corpora(tested_on) == TEST and cutoffs_khz == CUTOFFS_KHZ,
    )


def corpora(ingest: Mapping[str, Any]) -> set[str]:
    """The names of the corpora behind a section ``ingest``: its source, or the sub-folders of a collection."""
    source, path = ingest.get("source", ""), ingest.get("path")
    if source == "collection" and path and Path(path).is_dir():
        return {folder.name for folder in Path(path).iterdir() if folder.is_dir() and not folder.name.startswith(".")}
    return {source}


def _is_stable_audio_open(codec: Mapping[str, Any]) -> bool:
    """Whether it is an autoencoder of Stable Audio Open's shape; its weights are not looked at."""
    config = Path(str(codec.get("path") or "")) / "model_config.json"
    if codec.get("name") != "autoencoder" or not config.is_file():
        return False
    shapes: list[dict[str, Any]] = []
    json.loads(config.read_text(), object_hook=shapes.append)  # every object of the file, however deep
    return any((shape.get("latent_dim"), shape.get("downsampling_ratio")) == (LATENT_CHANNELS, HOP) for shape in shapes)
