"""Findings in words: each code has a template in English and one in Chinese, which numbers and other codes fill."""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def words() -> dict[str, dict[str, str]]:
    """Code -> ``en``, ``zh``."""
    return yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))


def say(language: str, code: str, /, **values: Any) -> str:
    """The sentence of a code in ``en`` or ``zh``, filled with values, some of them codes; KeyError for an unknown code."""
    filled = {name: name_of(language, value) if isinstance(value, str) else value for name, value in values.items()}
    return words()[code][language].format(**filled)


def name_of(language: str, name: str) -> str:
    """A name in the language, where it has another one than in the data."""
    return words()[name][language] if name in words() else name


def verdict(language: str, line: Mapping[str, Any], short: bool = False) -> str:
    """A verdict's numbers, ``+0.31 [+0.22, +0.40], worse, 5 trainings``; ``short`` gives only the type of a crash's error."""
    kind, mean, low, high = line["kind"], line["mean"], line["low"], line["high"]
    if kind == "crashes":
        return f"`{line['detail'].split(':')[0] if short else line['detail'].rstrip('.')}`"
    parts = []
    if not math.isnan(mean) and kind != "same":
        parts.append(f"{mean:+.3g}" + ("" if math.isnan(low) else f" [{low:+.3g}, {high:+.3g}]"))
    if kind in ("no_effect", "real_but_small"):
        parts.append(say(language, "none_larger", margin=line["margin"]))
    if kind == "undecided":
        parts.append(say(language, "at_most", most=max(abs(low), abs(high))))
    parts += [name_of(language, code) for code in (line["better"], *line["symptom"].split()) if code]
    if line["reason"]:
        parts.append(say(language, line["reason"], detail=line["detail"]))
    if line["seeds"] > 1:
        parts.append(say(language, "trainings", count=int(line["seeds"])))
    if not math.isnan(line["trainings_needed"]):
        parts.append(say(language, "trainings_decide", count=int(line["trainings_needed"])))
    return ", ".join(parts)
