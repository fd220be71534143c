"""`saga plan`: what a corpus of some hours will take. Its formulas are held against torch's counter and a cache on disk."""

from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
import torch
import yaml
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner, Result

from saga_kedro.audit.issues import read_catalogue
from saga_kedro.cli import app
from saga_kedro.model.codec import build_codec
from saga_kedro.model.condition import Condition
from saga_kedro.model.network import SagaNetwork
from saga_kedro.model.text import TextEncoder
from saga_kedro.parameters import ParameterError, validate
from saga_kedro.scale.audit import plan_audit
from saga_kedro.scale.costs import unit_costs
from saga_kedro.scale.sizes import TEXT_ENCODERS, corpus_of_hours, dit, segment_bytes
from saga_kedro.scale.steps import VALIDATION_LEVELS, Machines, plan
from saga_kedro.training.examples import make_segments
from saga_kedro.training.flow_training import VALIDATION_T
from saga_kedro.training.latents import Encoder, write_latents
from scratch_project import ROOT, base_parameters, make_project, merged
from small_corpus import captions_of, tiny_parameters, write_clips

COSTS_FILE = ROOT / "conf/base/plan.yml"
BASE = base_parameters()
PAPER = merged(BASE, yaml.safe_load((ROOT / "conf/paper/parameters.yml").read_text()))
COSTS = unit_costs(yaml.safe_load(COSTS_FILE.read_text()))


def steps_of(values: dict[str, Any] = PAPER, hours: float = 3800, nodes: int = 2, gpus: int = 8, cores: int = 128, costs=COSTS):
    parameters = validate(values)
    corpus = corpus_of_hours(hours, parameters, costs.corpus.clip_seconds)
    return {step.name: step for step in plan(parameters, costs, corpus, Machines(nodes, gpus, cores))}


def test_what_is_done_to_every_hour_grows_with_the_hours():
    once, ten_times = steps_of(), steps_of(hours=38_000)
    for name in ("examine", "resample", "captions", "latents"):
        for figure in ("core_hours", "gpu_hours", "wall_hours", "disk_bytes"):
            assert getattr(ten_times[name], figure) == pytest.approx(10 * getattr(once[name], figure)), (name, figure)
    for name in ("pairs", "training", "evaluation"):  # as the configuration says, however many hours there are
        assert ten_times[name] == once[name]


def test_twice_the_gpus_take_half_the_time_but_for_gradients_that_travel_between_nodes():
    eight, sixteen = steps_of(nodes=1, cores=256), steps_of(nodes=1, gpus=16, cores=256)
    for name in ("captions", "latents", "training"):
        assert sixteen[name].gpu_hours == eight[name].gpu_hours
    for name in ("captions", "latents"):
        assert sixteen[name].wall_hours == pytest.approx(eight[name].wall_hours / 2)
    one, two = steps_of(nodes=1)["training"], steps_of(nodes=2)["training"]
    assert one.gpu_hours == two.gpu_hours
    assert one.wall_hours / 2 < two.wall_hours < one.wall_hours


def test_other_parameters_make_another_plan():
    def with_(**changes: Any):
        return steps_of(merged(PAPER, changes))

    paper = steps_of()
    assert with_(degrade={"draws": 1})["latents"].disk_bytes < paper["latents"].disk_bytes
    assert with_(degrade={"crops": 3})["latents"].gpu_hours == pytest.approx(3 * paper["latents"].gpu_hours)
    assert with_(fit={"steps": 13_000})["training"].gpu_hours == pytest.approx(paper["training"].gpu_hours / 2)
    assert with_(caption={"batch_size": 16})["captions"].gpu_hours == pytest.approx(paper["captions"].gpu_hours / 2)
    assert with_(caption={"source": "descriptors"})["captions"].gpu_hours == 0
    online = with_(encode={"latents": False})
    assert "latents" not in online
    assert online["training"].gpu_hours > paper["training"].gpu_hours
    assert online["text states"].disk_bytes == pytest.approx(online["captions"].words.startswith("2,4") * 2_414_394 * 61_440)


def test_a_night_of_the_audit_is_about_ten_hours_of_one_gpu_and_a_full_one_thousands():
    parameters = validate(PAPER)
    corpus = corpus_of_hours(10, parameters, COSTS.corpus.clip_seconds)
    known = read_catalogue(ROOT / "conf/base/audit/issues.yml")
    steps = {step.name: step for step in plan_audit(parameters, COSTS, corpus, Machines(1, 1, 16), known)}
    hours = {name: steps[f"{name}: arms"].wall_hours + steps[f"{name}: ladder"].wall_hours for name in parameters.audit.budgets}
    assert hours["quick"] < 0.5
    assert 8 < sum(step.wall_hours for name, step in steps.items() if ":" not in name) + hours["night"] < 11
    assert hours["full"] > 1_000
    assert steps["night: ladder"].words == "14 trainings of 4,500 steps x 32"


def test_without_gpus_cores_do_the_work_and_captions_of_a_7_b_model_are_not_reckoned():
    steps = steps_of(nodes=1, gpus=0, cores=2)
    assert steps["captions"].wall_hours != steps["captions"].wall_hours  # NaN
    assert steps["latents"].gpu_hours == 0
    assert steps["latents"].wall_hours == pytest.approx(steps["latents"].core_hours / 2)


@pytest.mark.parametrize("projected", [False, True])
def test_operations_and_parameters_of_the_dit_are_those_that_torch_counts(projected):
    changes = {"project_cond_tokens": projected, "embed_dim": 256, "depth": 3, "num_heads": 4}
    text = {"encoder": "none", "max_tokens": 20}
    values = merged(PAPER, {"model": {"backbone": changes, "segment_samples": 40 * 2048, "text": text}})
    shape = dit(validate(values).model)
    backbone = values["model"]["backbone"] | {"checkpointing": False}
    network = SagaNetwork(64, 128, **backbone, **values["model"]["conditioning"])
    z, ratio = torch.randn(1, 64, 40), torch.tensor([0.5])
    condition = Condition(z_l=z, text=torch.randn(1, 20, 128), f_l=ratio, f_h=ratio)
    forward, backward, again = (FlopCounterMode(display=False) for _ in range(3))
    with sdpa_kernel(SDPBackend.MATH):
        with forward:
            v = network(z, ratio, condition)
        with backward:
            v.sum().backward()
        network.checkpointing = True
        with again:
            network(z, ratio, condition).sum().backward()
    assert shape.forward_flops() == pytest.approx(forward.get_total_flops(), rel=1e-3)
    both = forward.get_total_flops() + backward.get_total_flops()
    assert shape.training_flops(checkpointing=False) == pytest.approx(both, rel=0.01)
    assert shape.training_flops(checkpointing=True) == pytest.approx(again.get_total_flops(), rel=0.01)
    assert shape.parameters() == pytest.approx(sum(weight.numel() for weight in network.parameters()), rel=0.01)


def test_the_papers_dit_has_a_billion_weights_and_takes_276_gflop_a_segment():
    shape = dit(validate(PAPER).model)
    assert shape.parameters() == pytest.approx(1.057e9, rel=0.001)
    assert shape.forward_flops() == pytest.approx(276e9, rel=0.005)


class FortyTokens:
    """A text encoder as wide as MiniLM."""

    def encode(self, captions):
        return [torch.zeros(40, 384) for _ in captions]


@pytest.mark.parametrize("codec", [{"bands": 64, "hop": 1024}, {"bands": 32, "hop": 512}])
@pytest.mark.parametrize("draws", [1, 3])
def test_a_segment_on_disk_is_as_large_as_planned(tmp_path, codec, draws):
    options = {"name": "band_envelope"} | codec
    parameters = tiny_parameters(degrade={"draws": draws}, model={"codec": options, "text": {"max_tokens": 64}})
    clips = write_clips(tmp_path, seconds=0.8, per_category=3)
    segments = make_segments(clips, captions_of(clips), {}, parameters, "train")
    encoder = Encoder(build_codec(**options), cast(Any, FortyTokens()), torch.device("cpu"))
    written = write_latents(segments, lambda: encoder, tmp_path / "cache", 4, 6, workers=1)
    planned = segment_bytes(parameters, tokens=40)
    assert written["bytes"] / written["crops"] == pytest.approx(planned, rel=0.01)


def test_what_the_plan_knows_of_the_model_and_the_training_is_what_they_have():
    for name, (width, parameters) in TEXT_ENCODERS.items():
        if name != "t5":  # its weights are not at hand
            encoder = TextEncoder.load(name)
            weights = dict(encoder.model.named_parameters()).items()
            counted = sum(weight.numel() for key, weight in weights if not key.startswith("embeddings"))
            assert encoder.width == width
            assert counted == pytest.approx(parameters, rel=0.01)
    assert len(VALIDATION_T) == VALIDATION_LEVELS


def test_every_unit_cost_has_a_comment_and_is_checked():
    lines = [line for line in COSTS_FILE.read_text().splitlines() if ":" in line.split("#")[0]]
    assert not [line for line in lines if "#" not in line and not line.rstrip().endswith(":")]
    with pytest.raises(ParameterError, match="unknown parameter cores.exmine: did you mean cores.examine"):
        unit_costs(merged(COSTS.model_dump(), {"cores": {"exmine": 1.0}}))
    with pytest.raises(ParameterError, match="parameter gpu.utilisation = 35"):
        unit_costs(merged(COSTS.model_dump(), {"gpu": {"utilisation": 35}}))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("plan") / "project", over={})


def saga_plan(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", "--project", str(project), *arguments], env={"COLUMNS": "130"})


def test_the_papers_plan_fits_a_screen(project):
    answer = saga_plan(project, "--hours", "3800", "--gpus", "8", "--nodes", "2", "--env", "paper")
    assert answer.exit_code == 0, answer.output
    assert "3,800 h of audio, conf/paper, 2 nodes of 8 GPUs and 128 cores" in answer.output
    assert len(answer.output.splitlines()) <= 45
    assert max(map(len, answer.output.splitlines())) <= 130
    for sign in ("26,000 steps x 256", "375 GiB", "measured 2026", "given", "fit.nodes=2,fit.devices=8,fit.accumulate=1"):
        assert sign in answer.output


def test_without_options_the_demo_is_planned_then_the_dataset_that_is_there(project, tmp_path):
    assert "0.1667 h of audio, conf/base, one node of" in saga_plan(project).output
    manifest = project / "data/02_intermediate/demo/manifest.parquet"
    manifest.parent.mkdir(parents=True)
    pd.DataFrame({"start_s": [0.0, 0.0], "end_s": [7200.0, 3600.0], "split": ["train", "test"]}).to_parquet(manifest)
    answer = saga_plan(project)
    manifest.unlink()
    assert "3 h of audio" in answer.output
    assert "2 clips" in answer.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--hours", "0"], "Error: --hours is 0: give a number above 0."),
        (["--hours", "nan"], "Error: --hours is nan: give a number above 0."),
        (["--gpus", "-1"], "Error: --gpus is -1: give a number from 0 on."),
        (["--nodes", "0"], "Error: --nodes is 0: give a number above 0."),
        (["--pipeline", "box"], "Error: --pipeline is box: give train or audit."),
        (["--env", "nowhere"], "Error: there is no environment 'nowhere': conf/ has base, bundled, "),
        (["--env", "paper"], "say how many hours of audio there are with --hours (the paper: 3800)."),
        (["--project", "/"], "Error: there is no project at /: name the folder with --project."),
    ],
)
def test_bad_input_is_one_sentence(project, arguments, sentence):
    answer = saga_plan(project, *arguments)
    assert answer.exit_code == 2
    assert sentence in answer.output
    assert len(answer.output.splitlines()) == 1


def test_a_number_of_gpus_that_the_batch_does_not_divide_by_is_said(project):
    answer = saga_plan(project, "--hours", "10", "--gpus", "3", "--env", "paper")
    assert "256 segments a step are no multiple of 3 GPUs x fit.batch_size=16" in answer.output
