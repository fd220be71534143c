"""conf/box trains the model that comes with the package: valid, small enough to ship, quick enough to use."""

from __future__ import annotations

import pytest
import yaml

from saga_kedro.model.network import build_network
from saga_kedro.parameters import validate
from scratch_project import ROOT, base_parameters, merged


@pytest.fixture(scope="module")
def box():
    return validate(merged(base_parameters(), yaml.safe_load((ROOT / "conf/box/parameters.yml").read_text())))


def test_it_is_trained_on_packages_that_anyone_can_download(box):
    assert box.ingest.source == "debian"
    assert "klettres-data" in box.ingest.packages


def test_its_weights_in_half_precision_take_at_most_20_mb(box):
    network = build_network(
        2 * box.model.codec.model_dump()["bands"], 384, box.model.backbone.model_dump(), box.model.conditioning.model_dump()
    )
    assert 2 * sum(weights.numel() for weights in network.parameters()) < 20e6


def test_it_needs_few_evaluations_of_the_network(box):
    assert box.sample.steps <= 4
    assert (box.sample.s_a, box.sample.s_t) == (1.0, 1.0)


def test_a_clean_corpus_is_made_to_hiss(box):
    assert box.vary.hiss > 0.5
