"""Issues as data, and the configurations that their arms make."""

import pytest
import yaml

from saga_kedro.audit.issues import Catalogue, as_found_changes, choose, read_catalogue
from saga_kedro.audit.plan import AS_FOUND, arm_of, baselines, plan
from tiny_audit import ISSUES, catalogue, differing, planned, tiny_parameters


def test_issues_are_joined_with_a_plus_and_an_unknown_id_lists_the_known_ones_and_names_the_nearest():
    assert [issue.id for issue in choose(catalogue(), "ema+low_band+ema")] == ["ema", "low_band"]
    with pytest.raises(ValueError, match="did you mean guidance_branches\\? the known ones are rolloff_global"):
        choose(catalogue(), "ema+guidance_branch")


def test_another_suspicion_takes_one_entry_and_no_code(tmp_path):
    content = yaml.safe_load(ISSUES.read_text())
    (guidance,) = [issue for issue in content["issues"] if issue["id"] == "guidance_branches"]
    arms = {"aligned": {"says": "1.4"}, "weak": {"says": "1.0", "set": {"sample.s_a": 1.0}}}
    entry = {"id": "weak_guidance", "arms": arms, "as_found": None, "not_in_baseline": "nobody did it"}
    content["issues"].append(guidance | entry)
    path = tmp_path / "issues.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True))
    known = read_catalogue(path)
    (arm,) = plan(known, choose(known, "weak_guidance"), tiny_parameters())
    assert differing(arm.baseline, arm.parameters) == {"sample.s_a": (1.4, 1.0)}
    assert arm.acts_in == "sampling"


def test_a_broken_entry_is_one_sentence(tmp_path):
    path = tmp_path / "issues.yml"
    path.write_text("issues: [{id: x}]\nladder: {fix: [], break_again: []}")
    with pytest.raises(ValueError, match=r"issues\.yml: issues\.0\.title: Field required"):
        read_catalogue(path)


def test_issues_do_not_contradict_each_other_in_the_failing_code_and_two_that_do_are_refused():
    known = catalogue()
    changes = as_found_changes(known)
    assert (changes["model.codec.name"], changes["sample.guidance"]) == ("random_autoencoder", "z_l_everywhere")
    arms = dict(known.issues[3].arms)
    arms["without_warmup"] = arms["aligned"].model_copy(update={"set": {"fit.lr_schedule": "other"}})
    twin = known.issues[3].model_copy(update={"id": "twin", "arms": arms})
    both = Catalogue.model_construct(as_found_besides={}, issues=[*known.issues, twin])
    with pytest.raises(ValueError, match="twin and lr_schedule disagree on fit.lr_schedule"):
        as_found_changes(both)


def test_fix_one_is_the_failing_code_without_one_defect():
    parameters = tiny_parameters()
    arm = planned(parameters, "guidance_branches", "aligned", "fix_one")
    as_found = baselines(catalogue(), parameters)[AS_FOUND]
    assert arm.baseline == as_found
    assert differing(as_found, arm.parameters) == {"sample.guidance": ("z_l_everywhere", "eq4")}


def test_each_arm_changes_the_parameters_that_it_names_and_no_other_and_acts_where_its_issue_says():
    for arm in plan(catalogue(), catalogue().issues, tiny_parameters(checkpoint="/checkpoint")):
        if arm.design == "add_one" and arm.baseline_name == "aligned":
            assert differing(arm.baseline, arm.parameters).keys() == arm.issue.arms[arm.arm].set.keys(), arm.issue.id
        if arm.design == "add_one" and arm.arm == arm.issue.as_found:
            assert arm.acts_in == arm.issue.acts_in, arm.issue.id


def test_an_arm_whose_checkpoint_is_not_given_says_what_it_needs():
    assert planned(tiny_parameters(), "start", "adapted").needs == "audit.checkpoint"
    arm = planned(tiny_parameters(checkpoint="/checkpoint"), "start", "adapted")
    assert arm.parameters.fit.start == "/checkpoint"


@pytest.mark.parametrize(("name", "hint"), [("modle.codec", "did you mean model"), ("seed.x", "seed is no section")])
def test_an_unknown_parameter_is_refused(name, hint):
    with pytest.raises(ValueError, match=f"unknown parameter .*{hint}"):
        arm_of(tiny_parameters(), {name: 1})
