"""conf/paper is the paper's configuration, where it is silent the authors' code's."""

import re

import pytest
import yaml

from saga_kedro.parameters import validate
from scratch_project import ROOT, base_parameters, merged

OVER = yaml.safe_load((ROOT / "conf/paper/parameters.yml").read_text())


@pytest.fixture(scope="module")
def paper():
    return validate(merged(base_parameters(), OVER))


def test_every_value_has_its_source():
    for line in (ROOT / "conf/paper/parameters.yml").read_text().splitlines():
        if re.match(r" +\w+: \S", line):
            assert re.search(r"#.*(\b[PCT]\b|\bours\b)", line), line


def test_conf_paper_names_only_what_differs():
    def repeated(over, base):
        return [
            name
            for name, value in over.items()
            if name not in ("set", "ladder")  # in which a budget of the audit lists all that it sets
            and (repeated(value, base.get(name, {})) if isinstance(value, dict) else value == base.get(name))
        ]

    assert repeated(OVER, base_parameters()) == []


def test_the_model_is_the_papers(paper):
    model = paper.model
    assert (model.segment_samples, model.codec.name) == (262_144, "autoencoder")
    backbone = model.backbone
    assert (backbone.embed_dim, backbone.depth, backbone.num_heads, backbone.project_cond_tokens) == (1536, 24, 24, False)
    assert (model.text.encoder, model.text.max_tokens) == ("t5", 128)
    assert (model.conditioning.null_latent, model.conditioning.text_null) == (-5.0, "zeroed_context")


def test_the_training_is_the_papers(paper):
    fit = paper.fit
    assert fit.batch_size * fit.accumulate * fit.devices * fit.nodes == 256
    assert (fit.steps, fit.learning_rate, fit.betas, fit.weight_decay) == (26_000, 1e-5, (0.9, 0.999), 1e-3)
    assert fit.inverse_lr.model_dump() == {"inv_gamma": 1_000_000, "power": 0.5, "warmup": 0.99}
    assert fit.ema.model_dump() == {"beta": 0.9999, "power": 0.75, "update_after_step": 1}
    assert (fit.drop_z_l, fit.drop_context, fit.timesteps, fit.objective) == (0.1, 0.1, "logit_normal", "rectified_flow")
    assert (fit.precision, fit.clip_gradient_norm) == ("bf16-mixed", None)


def test_sampling_is_the_papers(paper):
    sample = paper.sample
    assert (sample.steps, sample.schedule) == (100, "linear_quadratic")
    assert (sample.guidance, sample.s_a, sample.s_t) == ("eq4", 1.4, 1.2)


def test_data_and_captions_are_the_papers(paper):
    degrade = paper.degrade
    assert (degrade.minimum_order, degrade.maximum_order, degrade.minimum_hz, degrade.maximum_hz) == (2, 10, 2000, 16_000)
    assert (degrade.cutoffs_khz, degrade.pairs_per_category, degrade.order) == ([4, 8], 400, 8)
    assert (paper.caption.source, paper.caption.window_seconds, paper.caption.max_new_tokens) == ("qwen2_audio", 5.94, 100)
