"""A process loads a model once, and holds one at a time."""

import pickle

import pytest

from saga_kedro.loaded_once import LoadedOnce, let_go

loads: list[str] = []


def load(name, options):
    loads.append(name)
    return [name, options]


@pytest.fixture(autouse=True)
def _fresh():
    loads.clear()
    yield
    let_go()


def test_a_model_is_loaded_with_the_first_task_and_kept_for_the_next_ones_until_it_is_let_go():
    model = LoadedOnce(load, ("a", {"width": 1}))
    assert loads == []
    sent_with_another_task = pickle.loads(pickle.dumps(model))
    assert model() is sent_with_another_task()
    assert loads == ["a"]
    let_go()
    model()
    assert loads == ["a", "a"]


def test_another_model_takes_its_place():
    first, second = LoadedOnce(load, ("a", {})), LoadedOnce(load, ("a", {"width": 2}))
    assert first() != second()
    first()
    assert loads == ["a", "a", "a"]
