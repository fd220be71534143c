"""What a stage's result depends on: its parameters, its code, its inputs, and nothing else."""

import re

import pytest
import yaml
from kedro.framework.project import configure_project

from saga_kedro import stages
from saga_kedro.parameters import Parameters, changed, validate
from saga_kedro.pipeline_registry import register_pipelines
from saga_kedro.pipelines.configuration import folders
from scratch_project import ROOT, base_parameters

BASE = validate(base_parameters())


def stale(changes: dict) -> set[str]:
    """The stages whose key another value changes."""
    other = changed(BASE, changes)
    return {stage for stage in stages.STAGES if stages.key(stage, other) != stages.key(stage, BASE)}


def downstream(*of: str) -> set[str]:
    """The stages, and all that read them."""
    found = set(of)
    for name, stage in stages.STAGES.items():  # they are listed in order
        if found & set(stage.inputs):
            found.add(name)
    return found


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"ingest.demo_minutes": 5.0}, ["ingest"]),
        ({"caption.window_seconds": 3.0}, ["caption", "caption_pairs"]),
        ({"degrade.order": 4}, ["degrade"]),  # of evaluation pairs: no training reads it
        ({"degrade.maximum_order": 4}, ["encode"]),
        ({"degrade.draws": 2, "encode.latents": True}, ["encode"]),
        ({"model.backbone.depth": 3}, ["fit"]),
        ({"fit.steps": 500}, ["fit"]),
        ({"sample.steps": 4}, ["evaluate", "audit_score"]),
        ({"report.examples": 2}, ["report"]),
        ({"fit.workers": 0, "fit.log_every": 1, "lock": "wait", "workers.engine": "dask", "ingest.clones": "/clones"}, []),
    ],
)
def test_a_parameter_reaches_the_stages_that_read_it_and_what_follows_them(changes, first):
    assert stale(changes) == downstream(*first)


def test_every_parameter_that_decides_a_result_reaches_a_stage():
    decides = {name for stage in stages.STAGES.values() for name in stage.parameters}
    sections = {name.split(".")[0] for name in decides} | {"repositories"}
    assert set(Parameters.model_fields) - sections == {"dataset", "lock", "workers"}
    for section in ("degrade", "encode"):
        listed = {name.split(".")[1] for name in decides if name.startswith(f"{section}.")}
        assert set(type(getattr(BASE, section)).model_fields) - listed <= {"batch_size"}


def test_a_model_that_is_given_is_judged_whatever_a_training_would_be():
    given = changed(BASE, {"evaluate.model": "somewhere"})
    assert stages.key("evaluate", changed(given, {"fit.steps": 5})) == stages.key("evaluate", given)


def test_data_that_changed_under_the_same_parameters_changes_every_key():
    assert stages.key("fit", BASE, "one version") != stages.key("fit", BASE, "another")


def test_the_code_of_a_stage_is_all_that_its_nodes_run():
    configure_project("saga_kedro")
    pipelines = register_pipelines()
    for stage in set(stages.STAGES) & set(pipelines):
        for node in pipelines[stage].nodes:
            module = node.func.__module__.removeprefix("saga_kedro.")
            assert module in stages.modules(stage) or module in stages.PASSIVE, f"{stage}: {module}"
    assert {stage for stage in stages.STAGES if "model.flow" in stages.modules(stage)} == {"fit", "audit_train", "audit_score"}


def test_results_of_other_parameters_lie_beside_those_of_the_files():
    of_files = folders(BASE, BASE)
    assert {of_files[stage] for stage in stages.STAGES} == {"demo"}
    longer = folders(changed(BASE, {"fit.steps": 500}), BASE)
    assert {longer[stage] for stage in ("ingest", "resample", "caption", "degrade", "encode")} == {"demo"}
    assert re.fullmatch(r"demo-[0-9a-f]{10}", longer["fit"])
    assert longer["model"] == f"data/06_models/{longer['fit']}"
    assert {longer["evaluate"], longer["report"]} == {longer["fit"]}
    other = folders(changed(BASE, {"fit.steps": 500, "sample.steps": 4}), BASE)
    assert other["fit"] == longer["fit"]  # the same model
    assert other["evaluate"] != longer["evaluate"]


def test_a_corpus_of_ones_own_has_a_folder_of_its_own_name():
    own = changed(BASE, {"ingest.source": "folder", "ingest.path": "/audio/My Corpus/"})
    assert {folders(own, BASE)[stage] for stage in stages.STAGES} == {"My-Corpus"}
    shorter = folders(changed(own, {"fit.steps": 500}), BASE)
    assert shorter["encode"] == "My-Corpus"
    assert shorter["fit"].startswith("My-Corpus-")
    assert changed(own, {"dataset": "mine"}).dataset_name == "mine"


def test_dvc_reads_the_key_of_each_stage():
    built = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    keys = built.pop("keys")
    assert keys["outs"] == [f"data/keys/{stage}.json" for stage in built]
    assert list(built) == [stage for stage in stages.STAGES if not stage.startswith("audit")]
    for stage, about in built.items():
        assert about["cmd"] == f"kedro run --pipeline {stage}"
        assert f"data/keys/{stage}.json" in about["deps"]
