"""Parts are chosen by name; the failing code's come with the audit, and by no other way."""

import subprocess
import sys

import pytest

from saga_kedro.model.guidance import GUIDANCE, eq4
from saga_kedro.model.parts import part


def test_a_part_is_found_and_an_unknown_name_lists_the_known_ones():
    assert part("guidance", GUIDANCE, "eq4") is eq4
    with pytest.raises(ValueError, match=r"^There is no guidance named 'eq5'; known: .*eq4.*\.$"):
        part("guidance", GUIDANCE, "eq5")


def test_the_audits_parts_are_added_where_the_audit_is_imported():
    program = (
        "from saga_kedro.model import guidance, network; before = [*guidance.GUIDANCE, *network.NETWORKS]\n"
        "import saga_kedro.audit.as_found\n"
        "print(before, len(guidance.GUIDANCE), len(network.NETWORKS))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['eq4', 'saga'] 4 2"
