"""A diagnosis in words, as the terminal shows it and the page begins."""

from __future__ import annotations

from typing import Any

TITLE = "Diagnosis of a SAGA-SR reproduction"
NOTHING_FITS = "No known cause fits. That does not mean that all is well: give more numbers or files."
SURE = 0.8
"""From this likelihood on a cause is marked."""


def subtitle(causes: list[dict[str, Any]]) -> str:
    """How many causes fit."""
    fit = "cause fits" if len(causes) == 1 else "causes fit"
    return f"{len(causes)} {fit}, most likely first. Nothing was run for this page."


def cause_text(place: int, cause: dict[str, Any]) -> str:
    """A cause, where it was seen, what to do about it, and the command that confirms it: Markdown."""
    says = cause["says"][0].upper() + cause["says"][1:]
    advice = f" {cause['advice']}" if cause["advice"] else ""
    return f"**{place}. {says}.** Seen in {cause['seen_in']}: {cause['because']}.{advice}\n\n`{cause['confirm']}`"


def markdown(found: dict[str, Any]) -> str:
    """All but curves and outputs, which take packages that using a model does not."""
    parts = [f"# {TITLE}", subtitle(found["causes"]), "## What fits"]
    for place, cause in enumerate(found["causes"], start=1):
        text = cause_text(place, cause)
        parts.append("> **✘** " + text.replace("\n", "\n> ") if cause["likelihood"] >= SURE else text)
    if not found["causes"]:
        parts.append(f"> **Note** {NOTHING_FITS}")
    if found["yardsticks"]:
        rows = [f"| {line['what']} | {line['value']:.3g} | {line['meaning']} |" for line in found["yardsticks"]]
        parts += ["## The yardsticks", "\n".join(["| what | value | meaning |", "| --- | ---: | --- |", *rows])]
    return "\n\n".join(parts)
