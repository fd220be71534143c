"""Parts are chosen by name, and a wrong name is answered with the right ones."""

import pytest

from saga_kedro.model import parts


def test_the_methods_own_parts_are_known_without_importing_them_first():
    assert parts.part("guidance", "eq4").__name__ == "eq4"
    assert parts.names("schedule") == ["linear", "linear_quadratic"]
    assert parts.names("timesteps") == ["logit_normal", "uniform"]
    assert {"input_cutoff", "authors", "cross_fade"} <= set(parts.names("low_band"))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no guidance named 'eq5'; known: .*eq4"):
        parts.part("guidance", "eq5")
    with pytest.raises(ValueError, match="no kind of part named 'colour'"):
        parts.part("colour", "red")


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="already is a schedule named 'linear'"):
        parts.register("schedule", "linear")(lambda steps: None)
