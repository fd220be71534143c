"""Captions by Qwen2-Audio, as in the paper, prompted as in the authors' code (P, C)."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from saga_kedro.audio.resample import resample
from saga_kedro.files import parameter_hash
from saga_kedro.weights import QWEN2_AUDIO, load_whole

PROMPT = "<|audio_bos|><|AUDIO|><|audio_eos|>Generate the caption in English:"
"""The authors' prompt; the processor writes one audio token for every 40 ms in place of <|AUDIO|>."""


class Qwen2AudioCaptioner:
    """Qwen2-Audio-7B through `transformers`, greedy, so that the same audio has the same caption.

    Loaded with the first caption from ``path`` (MissingWeights without one): in bfloat16 on a GPU if there is one, else in
    float32 on the CPU. Of the authors' 256 tokens, prompt and 5.94 s (148) leave 100.
    """

    def __init__(self, path: str | Path | None, batch_size: int = 8, max_new_tokens: int = 100, device: str | None = None):
        self.path = QWEN2_AUDIO.require(path)
        self.batch_size = batch_size
        self.max_new_tokens = max_new_tokens
        self._device = device

    @property
    def device(self) -> torch.device:
        """Where this process computes: it may have a GPU where the one that began has none."""
        return torch.device(self._device or ("cuda" if torch.cuda.is_available() else "cpu"))

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        described = {"captioner": "qwen2_audio", "checkpoint": _fingerprint(self.path)}
        return described | {"prompt": PROMPT, "max_new_tokens": self.max_new_tokens}

    @cached_property
    def processor(self) -> Any:
        from transformers import Qwen2AudioProcessor

        processor = Qwen2AudioProcessor.from_pretrained(self.path, local_files_only=True)
        # new tokens follow the prompt directly, whatever its length
        processor.tokenizer.padding_side = "left"
        return processor

    @cached_property
    def model(self) -> Any:
        from transformers import Qwen2AudioForConditionalGeneration

        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        model = load_whole(Qwen2AudioForConditionalGeneration, self.path, dtype=dtype)
        return model.to(self.device).eval().requires_grad_(False)

    def inputs(self, windows: Sequence[NDArray[np.float32]], rate: int) -> dict[str, torch.Tensor]:
        """The model's inputs: mono at the processor's rate (16 kHz), prompts padded on the left."""
        wanted = self.processor.feature_extractor.sampling_rate
        mono = [resample(audio.mean(axis=0, keepdims=True), rate, wanted)[0] for audio in windows]
        inputs = self.processor(text=[PROMPT] * len(mono), audio=mono, sampling_rate=wanted, return_tensors="pt", padding=True)
        dtype = self.model.dtype
        return {name: one.to(self.device, dtype if one.is_floating_point() else None) for name, one in inputs.items()}

    @torch.no_grad()
    def __call__(self, windows: Sequence[NDArray[np.float32]], rate: int) -> list[str]:
        """One caption for each of the windows, float32 [channels, samples] at ``rate`` Hz, of at most 30 s."""
        inputs = self.inputs(windows, rate)
        tokens = self.model.generate(
            **inputs, max_new_tokens=self.max_new_tokens, do_sample=False, num_beams=1, temperature=None, top_p=None, top_k=None
        )
        new = tokens[:, inputs["input_ids"].shape[1] :]
        return [" ".join(text.split()) for text in self.processor.batch_decode(new, skip_special_tokens=True)]


def _fingerprint(folder: Path) -> str:
    """Hash of the checkpoint's files: name, size and last 64 KiB of each, since 16 GB take a while to read."""
    parts = []
    for file in sorted(folder.glob("*")):
        if file.suffix in {".safetensors", ".json", ".txt"}:
            with open(file, "rb") as stream:
                stream.seek(max(0, file.stat().st_size - 65_536))
                parts.append((file.name, file.stat().st_size, hashlib.blake2b(stream.read()).hexdigest()))
    return parameter_hash(parts)
