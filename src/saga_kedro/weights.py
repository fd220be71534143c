"""Pretrained weights that users download: name, source, licence and files. A run without them is refused in one sentence
before its first step, and loading is strict."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saga_kedro.parameters import Parameters


class MissingWeights(ValueError):
    """Pretrained weights are not where they are looked for, or not complete."""


@dataclass(frozen=True)
class Weights:
    """A set of pretrained weights."""

    what: str  # its name, as in the paper
    source: str  # where it is downloaded from
    licence: str  # which licence must be accepted, and how
    parameter: str  # of conf/, which names the folder
    needs: tuple[tuple[str, ...], ...]  # for each thing in the folder, file patterns; one match is enough

    def absent(self, path: str | Path | None) -> list[str]:
        """What the folder ``path`` lacks, in words; empty when all is there."""
        if path is None:
            return ["the folder (none is configured)"]
        folder = Path(path)
        if not folder.is_dir():
            return [f"the folder {folder}"]
        return [" or ".join(patterns) for patterns in self.needs if not any(any(folder.glob(p)) for p in patterns)]

    def sentence(self, path: str | Path | None) -> str:
        """Missing files, source, licence and the place to put them, in one sentence."""
        place = f"into {path}" if path is not None else "into a folder of your choice"
        return (
            f"{self.what} is missing {' and '.join(self.absent(path))}: accept its licence ({self.licence}), "
            f"download {self.source} {place}, and let {self.parameter} name that folder."
        )

    def require(self, path: str | Path | None) -> Path:
        """The folder ``path`` once everything is in it, else `MissingWeights` with `sentence`."""
        if self.absent(path):
            raise MissingWeights(self.sentence(path))
        assert path is not None
        return Path(path)


TRANSFORMERS_FILES = (
    ("config.json",),
    ("model.safetensors", "model.safetensors.index.json"),
    ("tokenizer.json", "spiece.model", "vocab.json"),
)

T5_BASE = Weights(
    what="T5-base",
    source="https://huggingface.co/google-t5/t5-base",
    licence="Apache-2.0, nothing to sign",
    parameter="model.text.path",
    needs=TRANSFORMERS_FILES,
)

QWEN2_AUDIO = Weights(
    what="Qwen2-Audio-7B",
    source="https://huggingface.co/Qwen/Qwen2-Audio-7B",
    licence="Apache-2.0, nothing to sign",
    parameter="caption.path",
    needs=(*TRANSFORMERS_FILES, ("preprocessor_config.json", "processor_config.json")),
)

STABLE_AUDIO_OPEN = Weights(
    what="The autoencoder of Stable Audio Open",
    source="https://huggingface.co/stabilityai/stable-audio-open-1.0 (model_config.json and model.safetensors)",
    licence="Stability AI Community License, accepted on that page",
    parameter="model.codec.path",
    needs=(("model_config.json",), ("*.safetensors", "*.ckpt")),
)

SCRATCH = "scratch"  # fit.start without weights

STABLE_AUDIO_OPEN_DIT = replace(
    STABLE_AUDIO_OPEN,
    what="The DiT of Stable Audio Open, which training starts from,",
    parameter="fit.start",
    needs=(("model_config.json", "saga_sr.json"), ("*.safetensors", "*.ckpt")),  # or a model of this package
)


TEXT, CAPTION, CODEC, START = ("weights.text", "weights.caption", "weights.codec", "weights.start")
"""What weights are for: work that needs them carries the tag."""


def needed(parameters: Parameters, tags: Collection[str]) -> list[tuple[Weights, str | None]]:
    """The weights that a configuration needs for the purposes among ``tags``, each with the folder that it names."""
    model = parameters.model
    wanted = [
        (TEXT, model.text.encoder == "t5", T5_BASE, model.text.path),
        (CAPTION, parameters.caption.source == "qwen2_audio", QWEN2_AUDIO, parameters.caption.path),
        (CODEC, model.codec.name == "autoencoder", STABLE_AUDIO_OPEN, getattr(model.codec, "path", None)),
        (START, parameters.fit.start != SCRATCH, STABLE_AUDIO_OPEN_DIT, parameters.fit.start),
    ]
    return [(weights, path) for tag, asked, weights, path in wanted if asked and tag in tags]


def missing_weights(parameters: Parameters, tags: Collection[str]) -> list[str]:
    """One sentence for each download of `needed` weights that is missing."""
    sentences: dict[tuple[str, str | None], str] = {}
    for weights, path in needed(parameters, tags):
        if weights.absent(path) and not (weights is STABLE_AUDIO_OPEN_DIT and Path(path or "").is_file()):
            sentences.setdefault((weights.source, path), weights.sentence(path))  # one download may serve two purposes
    return list(sentences.values())


def load_whole(model_class: Any, folder: Path, **options: Any) -> Any:
    """Load a `transformers` model from a folder, without downloads or code from it, and with every weight from the checkpoint.

    `from_pretrained` alone fills gaps with random numbers: here tensors that are missing or of another shape are
    `MissingWeights`.
    """
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    # whatever a checkpoint has beyond the model (a decoder, a pooler) needs no warning
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, report = model_class.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **options,
        )
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    gaps = sorted(str(key) for key in (*report["missing_keys"], *report["mismatched_keys"]))
    if gaps:
        raise MissingWeights(
            f"The checkpoint in {folder} does not fill {model_class.__name__}: {len(gaps)} tensors are missing "
            f"or of another shape, first {', '.join(gaps[:3])}; download it again."
        )
    return model
