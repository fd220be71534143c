"""Tiny randomly initialised checkpoints of the real `transformers` classes, saved to disk as a download would be."""

import string
from pathlib import Path
from typing import Any

import torch


def tiny_t5(folder: Path, width: int = 768, max_positions: int = 128) -> Path:
    """A T5 encoder of two small layers, ``width`` wide like T5-base, and a tokenizer of letters and a few words."""
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    pieces = [
        "▁",
        *string.ascii_lowercase,
        *string.ascii_uppercase,
        *".,",
        *("▁" + word for word in ("music", "speech", "with", "a")),
    ]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((piece, -float(i)) for i, piece in enumerate(pieces))]
    tokenizer = T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=max_positions)
    torch.manual_seed(0)
    config = T5Config(vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    T5EncoderModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def qwen2_audio_processor(words: int = 0) -> Any:
    """Qwen2-Audio's feature extractor, and a tokenizer of bytes that has at least so many ``words``."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2AudioProcessor, Qwen2Tokenizer, WhisperFeatureExtractor

    vocabulary = {character: index for index, character in enumerate(sorted(ByteLevel.alphabet()))}
    vocabulary |= {f"<{index}>": index for index in range(len(vocabulary), words)}
    vocabulary["<|endoftext|>"] = len(vocabulary)
    marks = ["<|audio_bos|>", "<|AUDIO|>", "<|audio_eos|>"]
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], additional_special_tokens=marks)
    return Qwen2AudioProcessor(WhisperFeatureExtractor(feature_size=128), tokenizer)


def tiny_qwen2_audio(folder: Path) -> Path:
    """Qwen2-Audio with two small layers in each half, and its processor."""
    from transformers import Qwen2AudioConfig, Qwen2AudioEncoderConfig, Qwen2AudioForConditionalGeneration, Qwen2Config

    processor = qwen2_audio_processor()
    tokenizer = processor.tokenizer
    torch.manual_seed(0)
    config = Qwen2AudioConfig(
        audio_config=Qwen2AudioEncoderConfig(
            d_model=32, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=64, max_source_positions=1500
        ).to_dict(),
        text_config=Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            initializer_range=0.5,  # else every audio gets the same caption
        ).to_dict(),
        audio_token_index=tokenizer.get_vocab()["<|AUDIO|>"],
    )
    model = Qwen2AudioForConditionalGeneration(config)
    with torch.no_grad():  # as strong a say for the audio as for the words
        model.model.multi_modal_projector.linear.weight.normal_(std=1.0)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
