"""Running arms: planted defects are found, no-ops are not, crashes are results, and finished work is not done again."""

import pickle
import subprocess
import sys

import mlflow
import pytest

from saga_kedro.audit.arms import COLUMNS, DONE, ERROR, IDENTICAL, NOT_RUN, run_arms
from saga_kedro.audit.clearances import check_clearances
from saga_kedro.audit.plan import AS_FOUND, baselines
from saga_kedro.audit.runs import PARENT, Runs, tag_verdicts
from saga_kedro.audit.verdicts import CRASHES, MATTERS, ONE_TRAINING, SAME, verdicts
from saga_kedro.audit.words import verdict
from scratch_project import empty_store
from tiny_audit import catalogue, planned, tiny_bench, tiny_data, tiny_parameters


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_data(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def parameters():
    return tiny_parameters()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def bench(data, folder, parameters):
    return tiny_bench(data, folder, parameters)


def answer(rows, arm, trainings=1):
    (line,) = verdicts(rows, [arm], trainings).to_dict("records")
    return line


def test_a_planted_defect_is_found_and_units_are_decided_with_one_training(bench, parameters):
    arm, other = (planned(parameters, "metric_units", name) for name in ("decibel", "flattened"))  # the metric is LSD
    rows = run_arms([arm], bench)
    assert rows["status"].tolist() == [DONE, DONE]
    assert (rows["difference"] > 5).all()
    assert answer(rows, arm)["kind"] == MATTERS
    assert answer(run_arms([other], bench), other)["kind"] == SAME


def test_one_training_is_called_neither_an_effect_nor_none(bench, parameters):
    arm = planned(parameters, "guidance_branches", "z_l_everywhere")
    line = answer(run_arms([arm], bench), arm)
    assert (line["kind"], line["seeds"], line["trainings_needed"]) == (ONE_TRAINING, 1, 5)
    assert verdict("en", line).endswith("5 trainings or more decide")


DIFFERING = [("text_null", "zeroed_text"), ("text_null", "empty_string"), ("latent_dropout", "never"), ("timesteps", "uniform")]


@pytest.mark.parametrize(
    ("issue", "arm", "status"), [("flow_objective", "by_hand", IDENTICAL), *((*arm, NOT_RUN) for arm in DIFFERING)]
)
def test_a_training_arm_is_identical_only_if_it_trains_as_the_baseline(bench, parameters, issue, arm, status):
    assert run_arms([planned(parameters, issue, arm)], bench)["status"].tolist() == [status]


@pytest.mark.parametrize(
    ("issue", "arm", "error"),
    [("rolloff_prepend_dim", "zero", "AttributeError"), ("rolloff_token_width", "another_width", "RuntimeError")],
)
def test_a_crash_is_a_result(bench, parameters, issue, arm, error):
    chosen = planned(parameters, issue, arm)
    rows = run_arms([chosen], bench)
    assert set(rows["status"]) == {ERROR}
    assert rows["detail"].str.startswith(error).all()
    assert answer(rows, chosen)["kind"] == CRASHES


def test_sampling_arms_reuse_the_baselines_training(bench, parameters, folder):
    arms = [("t_schedule", "linear"), ("ema", "online"), ("checkpoint_loading", "other_prefix")]
    rows = run_arms([planned(parameters, *arm) for arm in arms], bench)
    assert (rows["difference"] != 0).all()
    assert len(list((folder / "models").iterdir())) == 1


def test_a_killed_audit_gives_the_same_table_when_it_goes_on(data, folder, parameters, bench):
    arms = [planned(parameters, "guidance_branches", "as_quoted"), planned(parameters, "low_band", "none")]
    run_arms(arms[:1], bench)  # killed here
    resumed = run_arms(arms, tiny_bench(data, folder, parameters))
    fresh = run_arms(arms, tiny_bench(data, folder / "fresh", parameters))
    compared = [name for name in COLUMNS if name not in ("seconds",)]
    assert resumed[compared].equals(fresh[compared])


ELSEWHERE = """
import pickle, sys
for function, items, arguments in pickle.load(open(sys.argv[1], "rb")):
    for item in items:
        function(item, **arguments)
"""


def test_an_arm_needs_nothing_of_the_process_that_plans_it_and_leaves_its_results_on_disk(data, tmp_path, monkeypatch):
    parameters = tiny_parameters({"fit.workers": 1})
    bench = tiny_bench(data, tmp_path, parameters)
    tasks: list = []

    def noted(function, items, describe, gpu, **arguments):
        assert gpu
        tasks.append((function, list(items), arguments))

    monkeypatch.setattr("saga_kedro.audit.bench.parallel_map", noted)
    bench.prepare([(parameters, 0)], "arms")
    bench.probe([parameters])
    (tmp_path / "tasks").write_bytes(pickle.dumps(tasks))
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(tmp_path / "tasks")], check=True, cwd=tmp_path, timeout=600)

    monkeypatch.setattr("saga_kedro.audit.training.fit", lambda *_, **__: pytest.fail("trained again"))
    monkeypatch.setattr("saga_kedro.audit.bench.score", lambda *_, **__: pytest.fail("scored again"))
    monkeypatch.setattr("saga_kedro.audit.bench.probe", lambda *_, **__: pytest.fail("probed again"))
    assert bench.scored(parameters, 0)["error"] is None
    assert bench.probed(parameters)["error"] is None
    trained = bench.finished(parameters)
    assert trained is not None
    assert trained.curve["loss"].notna().any()
    bench.prepare([(parameters, 0)], "arms")
    bench.probe([parameters])
    assert [items for _, items, _ in tasks[2:]] == [[], []]


def test_arms_of_one_seed_share_the_draws_that_they_do_not_change(data, tmp_path, monkeypatch):
    full = tiny_parameters({"encode.latents": True, "degrade.draws": 1}, budget="full", seeds=1)
    encoded = []
    from saga_kedro.audit import training

    def encode(clips, captions, version, checked, folder, really=training.encode_latents):
        encoded.append(checked.degrade.low_pass)
        return really(clips, captions, version, checked, folder)

    monkeypatch.setattr(training, "encode_latents", encode)
    bench = tiny_bench(data, tmp_path, full)
    arms = [("lr_schedule", "without_warmup"), ("latent_dropout", "never"), ("low_pass", "transfer_functions")]
    rows = run_arms([planned(full, *arm) for arm in arms], bench)
    assert rows["status"].tolist() == [DONE] * 3
    assert sorted(encoded) == ["authors", "transfer_functions"]  # four trainings
    assert not (tmp_path / "models" / training.LATENTS).exists()


def test_in_full_trainings_are_added_until_an_arm_is_decided(data, tmp_path, monkeypatch):
    monkeypatch.setattr("saga_kedro.audit.statistics.LOOKS", (2, 3))
    full = tiny_parameters(budget="full", seeds=3)
    bench = tiny_bench(data, tmp_path, full)
    unit = planned(full, "metric_units", "decibel")  # the same 20 log10 in every training
    noise = planned(full, "guidance_branches", "as_quoted")
    rows = run_arms([unit, noise], bench)
    assert rows.groupby("issue")["seed"].count().to_dict() == {"metric_units": 3, "guidance_branches": 3}
    assert len(list((tmp_path / "models").iterdir())) == 3  # each seed trains anew
    constant = planned(full, "gradient_logging", "loss_scaled")  # exactly the loss scale: decided at the first look
    assert run_arms([constant], bench)["seed"].tolist() == [0, 1]


def test_mlflow_has_a_parent_per_issue_and_a_child_per_arm_and_seed(data, tmp_path, parameters):
    mlflow.set_tracking_uri(empty_store(tmp_path))
    bench = tiny_bench(data, tmp_path, parameters, Runs("audit"))
    arm = planned(parameters, "guidance_branches", "as_quoted")
    rows = run_arms([arm], bench)
    tag_verdicts(Runs("audit"), rows, verdicts(rows, [arm], 1))
    again = tiny_bench(data, tmp_path, parameters, Runs("audit"))
    run_arms([arm], again)
    found = mlflow.search_runs(
        experiment_names=["audit"], filter_string="tags.`audit.issue` = 'guidance_branches'", output_format="list"
    )
    parents = [run for run in found if PARENT not in run.data.tags]
    children = [run for run in found if PARENT in run.data.tags]
    assert (len(parents), len(children)) == (1, 2)
    for child in children:
        tags = child.data.tags
        assert tags[PARENT] == parents[0].info.run_id
        assert {"audit.arm", "audit.design", "audit.verdict", "audit.seed"} <= tags.keys()
        assert "train/loss" in mlflow.get_run(tags["audit.source_run_id"]).data.metrics
        assert {"eval/LSD/speech/4kHz", "LSD_sounding"} <= child.data.metrics.keys()
        assert child.data.params == {"sample.guidance": "as_quoted"}


def test_wrong_clearances_are_found_and_right_ones_stand(data, parameters):
    both = baselines(catalogue(), parameters)
    table = check_clearances(both, data).set_index("clearance")
    assert (table["aligned"] == "passes").all(), table[table["aligned"] != "passes"]["aligned_why"].tolist()
    wrong = {"codec_weights", "sampling_direction", "low_pass", "segment", "rolloff_percentage", "text_drop", "z_l_presence"}
    assert wrong == set(table.index[table[AS_FOUND] == "fails"])
