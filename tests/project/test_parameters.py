"""Parameters are checked before anything runs; what is wrong is said by name, with the nearest known one."""

import subprocess
import sys

import pytest
from click import ClickException

from saga_kedro.parameters import ParameterError, changed, validate
from saga_kedro.pipelines.configuration import read_parameters
from scratch_project import ROOT, base_parameters, merged, run_pipeline

BASE = base_parameters()


def test_the_committed_parameters_are_valid_and_conf_bundled_holds_out_what_it_has():
    assert validate(BASE).fit.steps > 0
    bundled = read_parameters(ROOT, "bundled")
    known = {*bundled.ingest.packages, *(one.name for one in bundled.repositories)}
    assert {*bundled.ingest.held_out.validation, *bundled.ingest.held_out.test} <= known


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"fit": {"stepz": 3}}, "unknown parameter fit.stepz: did you mean fit.steps?"),
        ({"igest": {}}, "unknown parameter igest: did you mean ingest?"),
        ({"model": {"backbone": {"dept": 3}}}, "unknown parameter model.backbone.dept: did you mean model.backbone.depth?"),
        ({"fit": {"steps": "many"}}, "parameter fit.steps = 'many'"),
        ({"fit": {"steps": 2.5}}, "parameter fit.steps = 2.5"),
        ({"sample": {"rolloff": "bright"}}, "parameter sample.rolloff = 'bright'"),
        ({"caption": {"source": "table"}}, "caption.source=table needs caption.path"),
        (
            {"workers": {"address": "tcp://head:8786"}},
            "workers.address and workers.gpus_per_worker are Dask's: add workers.engine",
        ),
        ({"degrade": {"minimum_hz": 9000, "maximum_hz": 8000}}, "the minimum order or cutoff is above the maximum"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(change, sentence):
    with pytest.raises(ParameterError) as error:
        validate(merged(BASE, change))
    assert sentence in str(error.value)


def test_an_unknown_environment_is_refused_with_those_that_there_are():
    with pytest.raises(ClickException, match="There is no environment 'nosuch': conf/ has bundled, .*paper"):
        run_pipeline(ROOT, "train", env="nosuch")


def test_every_wrong_parameter_is_said_at_once():
    with pytest.raises(ParameterError) as error:
        validate(merged(BASE, {"fit": {"stepz": 3}, "sample": {"step": 3}}))
    assert "fit.stepz" in str(error.value)
    assert "sample.step" in str(error.value)


def test_a_run_with_an_unknown_parameter_touches_nothing(project):
    folder = project()
    with pytest.raises(ClickException, match="did you mean fit.steps"):
        run_pipeline(folder, "train", fit={"stepz": 1})
    assert not [path for path in (folder / "data").rglob("*") if path.is_file()]


def test_every_parameter_has_a_comment():
    lines = [line for line in (ROOT / "conf/base/parameters.yml").read_text().splitlines() if ":" in line.split("#")[0]]
    bare = [line for line in lines if "#" not in line and not line.rstrip().endswith(":")]
    assert not bare


def test_one_parameter_is_changed_by_its_dotted_name_and_checked():
    base = validate(BASE)
    other = changed(base, {"fit.steps": 3, "model.backbone.depth": 1})
    assert (other.fit.steps, other.model.backbone.depth, base.fit.steps) == (3, 1, BASE["fit"]["steps"])
    with pytest.raises(ParameterError, match="did you mean fit.steps"):
        changed(base, {"fit.stepz": 3})
    with pytest.raises(ParameterError, match="unknown parameter fitt"):
        changed(base, {"fitt.steps": 3})
    with pytest.raises(ParameterError, match="steps is no section"):
        changed(base, {"fit.steps.more": 3})


def test_settings_and_light_pipelines_import_nothing_heavy():
    """MLflow alone: Kedro imports it in every run, with its plugin. Kedro imports the pipelines that a run asks for."""
    code = (
        "import sys, saga_kedro.settings; from saga_kedro.pipelines import caption, ingest, resample;"
        "print([m for m in ('torch', 'stable_audio_tools', 'transformers', 'lightning', 'distributed') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"
