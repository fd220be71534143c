"""The checkpoint that the issue `start` starts from."""

import pytest
import torch

from saga_kedro.audit.checkpoint import TEXT_TO_AUDIO, without_z_l, write_checkpoint
from saga_kedro.audit.training import probe
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.starting_weights import load_starting_weights
from saga_kedro.parameters import changed
from tiny_audit import STEPS, tiny_data, tiny_parameters

SCRATCH = tiny_parameters({"fit.steps": STEPS, "fit.steps_per_epoch": 2})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a checkpoint and the model that it was made of, and what it was trained on."""
    folder = tmp_path_factory.mktemp("checkpoint")
    data = tiny_data(folder)
    write_checkpoint(changed(SCRATCH, TEXT_TO_AUDIO), data, folder / "models", folder / "checkpoint")
    return folder, data


def test_it_is_the_network_without_its_input_for_z_l(written):
    place, _ = written
    (folder,) = (path.parent for path in (place / "models").rglob("fit.json"))
    trained = SagaSR.from_pretrained(folder).network
    started = SagaSR(SagaSR.from_pretrained(folder).config).network
    table = load_starting_weights(started, place / "checkpoint").set_index("name")["state"]
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


def test_a_start_that_differs_is_not_taken_for_identical(written):
    place, data = written
    adapted = changed(SCRATCH, {"fit.start": str(place / "checkpoint"), "audit.checkpoint": str(place / "checkpoint")})
    starts = (SCRATCH, adapted, changed(adapted, {"audit.start": "random_channels"}))
    found = [probe(parameters, data)["weights"] for parameters in starts]
    assert len(set(found)) == 3
    assert probe(changed(adapted, {"audit.start": "not_loaded"}), data)["weights"] == found[0]
