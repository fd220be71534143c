"""Running arms: planted defects are found, no-ops are not, crashes are results, and what is finished is not done again."""

from __future__ import annotations

import mlflow
import pytest

from saga_kedro.audit.arms import COLUMNS, DONE, ERROR, IDENTICAL, NOT_RUN, run_arms
from saga_kedro.audit.clearances import check_clearances
from saga_kedro.audit.plan import AS_FOUND, baselines
from saga_kedro.audit.runs import PARENT, Runs, tag_verdicts
from saga_kedro.audit.verdicts import CRASHES, verdicts
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


def answer(rows, arm):
    says = {(arm.issue.id, arm.design, arm.arm): arm.says}
    (line,) = verdicts(rows, [arm.issue], says).to_dict("records")
    return line


def test_a_planted_defect_is_found(bench, parameters):
    arm = planned(parameters, "metric_units", "decibel")
    rows = run_arms([arm], bench, train_arms=False)
    assert rows["status"].tolist() == [DONE, DONE]
    assert (rows["difference"] > 5).all()


def test_an_arm_that_changes_nothing_of_its_metric_has_no_effect(bench, parameters):
    arm = planned(parameters, "metric_units", "flattened")  # its metric is LSD
    assert answer(run_arms([arm], bench, train_arms=False), arm)["answer"] == "no effect"


def test_a_training_arm_that_is_the_baseline_is_found_to_be_identical(bench, parameters):
    rows = run_arms([planned(parameters, "flow_objective", "by_hand")], bench, train_arms=False)
    assert rows["status"].tolist() == [IDENTICAL]


DIFFERING = [("text_null", "zeroed_text"), ("text_null", "empty_string"), ("latent_dropout", "never"), ("timesteps", "uniform")]


@pytest.mark.parametrize(("issue", "arm"), DIFFERING)
def test_a_training_arm_that_differs_is_not_taken_for_identical(bench, parameters, issue, arm):
    rows = run_arms([planned(parameters, issue, arm)], bench, train_arms=False)
    assert rows["status"].tolist() == [NOT_RUN]


@pytest.mark.parametrize(
    ("issue", "arm", "error"),
    [("rolloff_prepend_dim", "zero", "AttributeError"), ("rolloff_token_width", "another_width", "RuntimeError")],
)
def test_a_crash_is_a_result(bench, parameters, issue, arm, error):
    chosen = planned(parameters, issue, arm)
    rows = run_arms([chosen], bench, train_arms=False)
    assert set(rows["status"]) == {ERROR}
    assert rows["reason"].str.startswith(error).all()
    assert answer(rows, chosen)["answer"] == CRASHES


def test_sampling_arms_reuse_the_baselines_training(bench, parameters, folder):
    run_arms([planned(parameters, "t_schedule", "linear"), planned(parameters, "ema", "online")], bench, train_arms=False)
    assert len(list((folder / "models").iterdir())) == 1


def test_a_killed_audit_gives_the_same_table_when_it_goes_on(data, folder, parameters, bench):
    arms = [planned(parameters, "guidance_branches", "as_quoted"), planned(parameters, "low_band", "none")]
    run_arms(arms[:1], bench, train_arms=False)  # killed here
    resumed = run_arms(arms, tiny_bench(data, folder, parameters), train_arms=False)
    fresh = run_arms(arms, tiny_bench(data, folder / "fresh", parameters), train_arms=False)
    compared = [name for name in COLUMNS if name not in ("seconds",)]
    assert resumed[compared].equals(fresh[compared])


def test_in_full_every_seed_trains_anew(data, tmp_path):
    full = tiny_parameters(budget="full")
    bench = tiny_bench(data, tmp_path, full)
    rows = run_arms([planned(full, "lr_schedule", "without_warmup")], bench, bench.retrain)
    assert rows["status"].tolist() == [DONE, DONE]
    assert rows["value"].nunique() == 2
    assert len(list((tmp_path / "models").iterdir())) == 4


def test_the_failing_code_trains_and_is_scored(data, tmp_path):
    parameters = tiny_parameters(seeds=1)
    bench = tiny_bench(data, tmp_path, parameters)
    arm = planned(parameters, "guidance_branches", "aligned", "fix_one")
    (row,) = run_arms([arm], bench, train_arms=False).to_dict("records")
    assert row["status"] == DONE
    assert row["reported_LSD"] > 8  # in dB, as the failing code reports it


def test_mlflow_has_a_parent_per_issue_and_a_child_per_arm_and_seed(data, tmp_path, parameters):
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    bench = tiny_bench(data, tmp_path, parameters, Runs("audit"))
    arm = planned(parameters, "guidance_branches", "as_quoted")
    rows = run_arms([arm], bench, train_arms=False)
    tag_verdicts(Runs("audit"), rows, verdicts(rows, [arm.issue], {(arm.issue.id, arm.design, arm.arm): arm.says}))
    again = tiny_bench(data, tmp_path, parameters, Runs("audit"))
    run_arms([arm], again, train_arms=False)
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
