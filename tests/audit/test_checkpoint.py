"""The checkpoint that the issue `start` starts from."""

import torch

from saga_kedro.audit.checkpoint import TEXT_TO_AUDIO, without_z_l, write_checkpoint
from saga_kedro.audit.training import probe
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.starting_weights import load_starting_weights
from saga_kedro.parameters import changed
from tiny_audit import STEPS, tiny_data, tiny_parameters


def test_it_is_the_network_without_its_input_for_z_l(tmp_path):
    parameters = changed(tiny_parameters(), {**TEXT_TO_AUDIO, "fit.steps": STEPS, "fit.steps_per_epoch": 2})
    write_checkpoint(parameters, tiny_data(tmp_path), tmp_path / "models", tmp_path / "checkpoint")
    (folder,) = (path.parent for path in (tmp_path / "models").rglob("fit.json"))
    trained = SagaSR.from_pretrained(folder).network
    started = SagaSR(SagaSR.from_pretrained(folder).config).network
    table = load_starting_weights(started, tmp_path / "checkpoint").set_index("name")["state"]
    assert table["dit.model.preprocess_conv.weight"] == "loaded, new channels zero"
    channels = trained.dit.model.preprocess_conv.weight.shape[1] // 2
    z_t, t = torch.randn(2, channels, 16), torch.tensor([0.3, 0.8])
    context, vector = torch.randn(2, 5, 384), torch.randn(2, 768)
    inputs = {"input_concat_cond": torch.zeros_like(z_t), "cross_attn_cond": context, "global_cond": vector}
    torch.testing.assert_close(started.dit(z_t, t, **inputs), trained.dit(z_t, t, **inputs), atol=1e-5, rtol=1e-4)


def test_a_convolution_before_the_projection_is_folded_into_it():
    torch.manual_seed(0)
    convolution, project = torch.randn(6, 6, 1), torch.randn(4, 6)
    narrow = without_z_l({"preprocess_conv.weight": convolution, "transformer.project_in.weight": project})
    z_t = torch.randn(3)
    wide = torch.cat([z_t, torch.zeros(3)])
    expected = project @ (wide + convolution[..., 0] @ wide)
    torch.testing.assert_close(narrow["transformer.project_in.weight"] @ z_t, expected)


def test_a_start_that_differs_is_not_taken_for_identical(tmp_path):
    scratch = tiny_parameters()
    data = tiny_data(tmp_path)
    write_checkpoint(changed(scratch, TEXT_TO_AUDIO), data, tmp_path / "models", tmp_path / "checkpoint")
    adapted = changed(scratch, {"fit.start": str(tmp_path / "checkpoint"), "audit.checkpoint": str(tmp_path / "checkpoint")})
    starts = (scratch, adapted, changed(adapted, {"audit.start": "random_channels"}))
    found = [probe(parameters, data)["weights"] for parameters in starts]
    assert len(set(found)) == 3
    assert probe(changed(adapted, {"audit.start": "not_loaded"}), data)["weights"] == found[0]
