import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from saga_kedro.audio.io import write_audio
from saga_kedro.audio.resample import resample
from saga_kedro.captioning.captions import caption_clips
from saga_kedro.captioning.qwen2_audio import PROMPT, Qwen2AudioCaptioner
from saga_kedro.draws import rng
from saga_kedro.files import content_hash
from saga_kedro.weights import MissingWeights
from tiny_checkpoints import tiny_qwen2_audio

RATE = 44_100


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny_qwen2_audio(tmp_path_factory.mktemp("weights") / "qwen2-audio")


@pytest.fixture(scope="module")
def captioner(checkpoint):
    return Qwen2AudioCaptioner(checkpoint, batch_size=2, max_new_tokens=6, device="cpu")


def sound(seconds, name="sound", pitch=440):
    time = np.arange(round(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * pitch * time)
    return (tone + 0.05 * rng(0, name).standard_normal((2, time.size))).astype(np.float32)


def test_the_prompt_is_the_authors_with_an_audio_token_every_40_ms(captioner):
    ids = captioner.inputs([sound(5.94)], RATE)["input_ids"][0]
    text = captioner.processor.tokenizer.decode(ids)
    assert text.replace("<|AUDIO|>" * 148, "<|AUDIO|>") == PROMPT
    assert text.count("<|AUDIO|>") == 148


def test_audio_goes_in_as_16_khz_mono(captioner):
    audio = sound(2.0)
    inputs = captioner.inputs([audio], RATE)
    mono = resample(audio.mean(axis=0, keepdims=True), RATE, 16_000)[0]
    expected = captioner.processor.feature_extractor(
        mono, sampling_rate=16_000, return_attention_mask=True, return_tensors="pt"
    )
    torch.testing.assert_close(inputs["input_features"], expected["input_features"], atol=1e-5, rtol=1e-4)
    assert inputs["feature_attention_mask"].sum() == 200  # 10 ms each


def test_captions_do_not_depend_on_company_or_chance(captioner):
    sounds = [sound(5.94, "a"), sound(1.6, "b", 900), sound(3.1, "c", 60)]
    together = captioner(sounds, RATE)
    torch.manual_seed(1)
    alone = [captioner([audio], RATE)[0] for audio in sounds]
    assert together == alone
    assert len(set(together)) > 1  # the audio is heard at all
    assert not any("Generate" in caption or len(caption) > 6 for caption in together)  # new tokens only, here of a byte each


def test_clips_are_captioned_once_by_content(captioner, checkpoint, tmp_path):
    rows = []
    for name, seconds in (("a", 8.0), ("b", 1.0), ("c", 5.0)):
        path = tmp_path / f"{name}.flac"
        write_audio(path, sound(seconds, name), RATE)
        rows.append((name, str(path), round(seconds * RATE), content_hash(path)))
    clips = pd.DataFrame(rows, columns=["clip_id", "flac", "samples", "content_hash"])
    table = caption_clips(clips, captioner, 5.94, tmp_path / "cache", "flac")
    assert table["clip_id"].tolist() == ["a", "a", "b", "c"]
    assert "model" in vars(captioner)

    resumed = Qwen2AudioCaptioner(checkpoint, batch_size=4, max_new_tokens=6, device="cpu")
    pd.testing.assert_frame_equal(caption_clips(clips, resumed, 5.94, tmp_path / "cache", "flac"), table)
    assert "model" not in vars(resumed)  # with nothing left to do, 16 GB are not loaded


def test_another_checkpoint_or_limit_makes_captions_due_again(captioner, tmp_path):
    other = tiny_qwen2_audio(tmp_path / "qwen2-audio")
    same = Qwen2AudioCaptioner(other, max_new_tokens=6)
    assert same.parameters == captioner.parameters  # wherever it lies, whatever the batch
    assert len(pickle.dumps(same)) < 1_000  # a worker gets it without its 16 GB
    assert Qwen2AudioCaptioner(other, max_new_tokens=7).parameters != captioner.parameters
    tensors = load_file(other / "model.safetensors")
    tensors[max(tensors)] += 1
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})
    assert Qwen2AudioCaptioner(other, max_new_tokens=6).parameters != captioner.parameters


def test_missing_weights_are_said_at_once(tmp_path):
    with pytest.raises(MissingWeights) as error:
        Qwen2AudioCaptioner(tmp_path / "qwen")
    for part in ("Qwen2-Audio-7B", "huggingface.co/Qwen/Qwen2-Audio-7B", "Apache-2.0", str(tmp_path / "qwen"), "caption.path"):
        assert part in str(error.value)


def test_a_checkpoint_with_a_hole_is_refused(tmp_path):
    folder = tiny_qwen2_audio(tmp_path / "qwen")
    tensors = load_file(folder / "model.safetensors")
    (name,) = [key for key in tensors if key.endswith("multi_modal_projector.linear.weight")]
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MissingWeights, match=r"multi_modal_projector\.linear\.weight"):
        Qwen2AudioCaptioner(folder, device="cpu")([sound(1.0)], RATE)
