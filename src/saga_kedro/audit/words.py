"""The page's words in both languages: sentences by name, and English phrases of elsewhere with their Chinese."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import yaml

HOLE = re.compile(r"`[^`]+`|(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?%?(?!\w)|(?<!\w)–(?!\w)|-?∞")
"""What may differ in a phrase: numbers and code."""


@lru_cache(1)
def words() -> dict[str, dict]:
    """``sentences``: name -> ``en``, ``zh`` with named holes; ``phrases``: English with ``{}`` for each `HOLE` -> Chinese."""
    return yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))


def say(language: str, text: str, **values: object) -> str:
    """A sentence, or a phrase, in ``en`` or ``zh``; a phrase that the table does not have stays English.

    >>> say("zh", "5 trainings")
    '5 次训练'
    """
    if text in words()["sentences"]:
        return words()["sentences"][text][language].format(**values)
    found = words()["phrases"].get(HOLE.sub("{}", text)) if language == "zh" else None
    return text if found is None else found.format(*HOLE.findall(text))
