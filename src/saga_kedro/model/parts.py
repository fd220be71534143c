"""Parts of the method that configuration chooses by name, such as ``guidance: eq4``.

Each module with variants has a table of them, such as ``guidance.GUIDANCE``; the audit adds those of the failing code.
"""

from collections.abc import Mapping
from typing import TypeVar

Part = TypeVar("Part")


def part(kind: str, table: Mapping[str, Part], name: str) -> Part:
    """``table[name]``; an unknown name is a ValueError that names the ``kind`` and lists the known ones."""
    if name not in table:
        raise ValueError(f"There is no {kind} named {name!r}; known: {', '.join(sorted(table))}.")
    return table[name]
