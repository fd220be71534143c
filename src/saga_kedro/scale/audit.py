"""What each budget of the audit takes."""

from dataclasses import replace

from saga_kedro.audit.issues import Catalogue
from saga_kedro.audit.ladder import rungs
from saga_kedro.audit.plan import aligned_of
from saga_kedro.audit.plan import plan as arms_of
from saga_kedro.files import parameter_hash
from saga_kedro.parameters import Parameters, changed
from saga_kedro.scale.costs import UnitCosts
from saga_kedro.scale.sizes import Corpus
from saga_kedro.scale.steps import CATEGORIES, Machines, Planner, Step
from saga_kedro.stages import all_values

SEEDS = 8  # trainings of an arm, of 5 to 20: at embedded scale it took 7.2 on average
TRAINING_BYTES = 28  # a parameter of a finished training: its model, and three times its weights and their average


def plan_audit(parameters: Parameters, costs: UnitCosts, corpus: Corpus, machines: Machines, known: Catalogue) -> list[Step]:
    """The steps of `kedro run --pipeline audit`: of the data, then arms and ladder of each budget, of which a run has one.

    On a GPU one training follows the other, and one core works beside it.
    """
    steps = Planner(parameters, costs, corpus, machines).data()
    alone = Machines(1, 1, 1) if machines.gpus else replace(machines, nodes=1)
    for name, budget in parameters.audit.budgets.items():
        pairs = {"degrade.pairs_per_category": budget.pairs_per_category, "degrade.excerpt_seconds": budget.excerpt_seconds}
        given = changed(parameters, pairs | {"audit.budget": name, "audit.checkpoint": "trained first"})
        given = changed(given, {"evaluate.rolloff_reference": False, "evaluate.metrics": ["LSD"]})
        aligned, planned = aligned_of(given), arms_of(known, known.issues, given)
        trained = [arm for arm in planned if budget.train or arm.acts_in != "training"]
        arms = [one for arm in trained for one in (arm.baseline, arm.parameters)]
        climbed = [rung.parameters for rung in rungs(known, changed(aligned, budget.ladder))]
        few = CATEGORIES * 7 / 6 * (budget.segments_per_category or corpus.segments)  # validation has a sixth
        used, seeds = replace(corpus, segments=min(corpus.segments, few)), (SEEDS, SEEDS) if budget.train else (1, budget.seeds)
        steps.append(_step(f"{name}: arms", arms, Planner(aligned, costs, used, alone), *seeds))
        steps.append(_step(f"{name}: ladder", climbed, Planner(changed(aligned, budget.ladder), costs, used, alone)))
    return steps


def _step(name: str, configurations: list[Parameters], each: Planner, trainings: int = 1, samplings: int = 1) -> Step:
    """All ``configurations``, which cost what ``each`` does, in so many trainings and samplings."""
    parts = {"encode": each.latents(), "audit_train": each.training(), "audit_score": each.evaluation()}
    count = {stage: len({parameter_hash(all_values(stage, one)) for one in configurations}) * trainings for stage in parts}
    count["audit_score"] *= samplings // trainings
    core, gpu, wall = (
        sum(count[stage] * getattr(part, hours) for stage, part in parts.items())
        for hours in ("core_hours", "gpu_hours", "wall_hours")
    )
    fit, costs, on_gpu = each.parameters.fit, each.costs, each.machines.gpus
    besides = count["audit_train"] * (costs.cores.start + (fit.steps * costs.gpu.least_step if on_gpu else 0)) / 3600
    disk = (
        count["audit_train"] * each.dit.parameters() * TRAINING_BYTES + count["encode"] / trainings * parts["encode"].disk_bytes
    )
    words = f"{count['audit_train']:,} trainings of {fit.steps:,} steps x {fit.batch_size * fit.accumulate}"
    unit_costs = sum((part.costs for part in parts.values()), ("cores.start", *(["gpu.least_step"] if on_gpu else [])))
    wall += besides / each.machines.all_cores  # one, beside a GPU
    return Step(name, words, core + besides, gpu, wall, disk, parts["audit_train"].memory, unit_costs)
