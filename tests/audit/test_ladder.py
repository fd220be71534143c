"""The ladder: one thing is fixed at a time, and the same thing broken alone."""

import pytest

from saga_kedro.audit.issues import Catalogue
from saga_kedro.audit.ladder import BREAK, FIX, climb, rungs
from saga_kedro.audit.plan import ALIGNED, AS_FOUND, baselines
from tiny_audit import catalogue, differing, tiny_bench, tiny_data, tiny_parameters


@pytest.fixture(scope="module")
def both():
    return baselines(catalogue(), tiny_parameters())


def test_it_leads_from_the_failing_code_nearer_and_nearer_to_the_aligned_configuration(both):
    fixed = [rung.parameters for rung in rungs(catalogue(), both[ALIGNED]) if rung.direction == FIX]
    assert fixed[0] == both[AS_FOUND]
    assert fixed[-1] == both[ALIGNED]
    left = [len(differing(both[ALIGNED], parameters)) for parameters in fixed]
    assert left == sorted(set(left), reverse=True)


def test_what_is_broken_again_is_broken_alone(both):
    known = {issue.id: issue for issue in catalogue().issues}
    for rung in rungs(catalogue(), both[ALIGNED]):
        if rung.direction == BREAK:
            changed = {name: values[1] for name, values in differing(both[ALIGNED], rung.parameters).items()}
            assert changed == known[rung.issue].arms[str(known[rung.issue].as_found)].set


def test_a_ladder_that_leaves_out_an_issue_is_refused():
    found = catalogue().model_dump()
    found["ladder"]["fix"] = found["ladder"]["fix"][1:]
    with pytest.raises(ValueError, match="ladder.fix must name each issue"):
        Catalogue.model_validate(found)


def test_every_rung_has_its_numbers_and_a_sound(both, tmp_path):
    parameters = tiny_parameters()
    few = catalogue().model_copy(deep=True)
    bench = tiny_bench(tiny_data(tmp_path / "clips"), tmp_path, parameters)
    few.ladder.fix[:] = ["metric_units", "gradient_logging"]  # nothing to train between as found and the last rung
    few.ladder.break_again[:] = ["metric_units"]
    table = climb(few, both[ALIGNED], bench).set_index(["direction", "rung"])
    assert table["reported_LSD"].notna().all()
    assert table.loc[(FIX, 0), "reported_LSD"] > 5 * table.loc[(FIX, 1), "reported_LSD"]  # in dB, then in log10
    assert table.loc[(FIX, 0), "LSD"] == table.loc[(FIX, 1), "LSD"]
    assert table.loc[(FIX, 1), "grad_norm_logged"] > 1_000 * table.loc[(FIX, 2), "grad_norm_logged"]
    assert table.loc[(BREAK, 1), "reported_LSD"] > 5 * table.loc[(FIX, 3), "reported_LSD"]
    assert all(bench.sound(rung.parameters).exists() for rung in rungs(few, both[ALIGNED]))
