"""conf/box trains the model that comes with the package: valid, small enough to ship, quick enough to use."""

import pytest

from saga_kedro.model.network import SagaNetwork
from saga_kedro.model.text import NoText
from saga_kedro.pipelines.configuration import read_parameters
from scratch_project import ROOT


@pytest.fixture(scope="module")
def box():
    return read_parameters(ROOT, "box")


def test_it_is_trained_on_packages_and_repositories_that_anyone_can_download(box):
    assert box.ingest.source == "debian+git"
    assert "klettres-data" in box.ingest.packages
    assert "sfzinstruments/SplendidGrandPiano" in [one.name for one in box.repositories]


def test_what_is_held_out_is_a_package_or_a_repository_that_it_has(box):
    known = {*box.ingest.packages, *(one.name for one in box.repositories)}
    held_out = box.ingest.held_out.validation + box.ingest.held_out.test
    assert set(held_out) <= known
    assert len(set(held_out)) == len(held_out)


def test_its_weights_in_half_precision_take_at_most_20_mb(box):
    channels, sections = 2 * box.model.codec.model_dump()["bands"], (box.model.backbone, box.model.conditioning)
    network = SagaNetwork(channels, NoText().width, **{k: v for section in sections for k, v in section.model_dump().items()})
    assert 2 * sum(weights.numel() for weights in network.parameters()) < 20e6
