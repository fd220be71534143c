"""What MLflow's UI says of a run: its name, and a description that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from saga_kedro.reporting.report import gap_table
from saga_kedro.reporting.tables import markdown_table, wide_table
from saga_kedro.reporting.targets import READING_NOTE, Likeness

BASELINES = ("ours", "rolloff_reference", "untouched", "codec", "copy_up")


def evaluation_note(
    summary: pd.DataFrame,
    targets: pd.DataFrame,
    likeness: Likeness,
    model_summary: Mapping[str, Any],
    parameters: Mapping[str, Any],
    dataset: str,
) -> str:
    """Markdown: what was judged on what, the headline table, the distance to the paper, where to look next.

    Args:
        summary: of `evaluation.summary.summarise`.
        targets: the paper's tables.
        likeness: what of the run is the paper's.
        model_summary: folder, weights, steps of the model.
        parameters: all of them.
        dataset: name of the evaluation's dataset.
    """
    sample = parameters["sample"]
    scored = summary[(summary["row"] == "ours") & (summary["metric"] == "LSD")]
    others = [row for row in summary["row"].unique() if row not in BASELINES]
    lines = [
        f"The model `{model_summary['folder']}` ({model_summary['steps']} steps, weights "
        f"`{str(model_summary['weights'])[:10]}`), judged on {int(scored['clips'].sum())} pairs of the dataset *{dataset}*"
        f"{', beside ' + ', '.join(others) if others else ''}.",
        f"Sampled with {sample['steps']} steps ({sample['schedule']}), guidance {sample['guidance']} (s_a {sample['s_a']}, "
        f"s_t {sample['s_t']}), roll-off {sample['rolloff']}.",
        "**LSD**, mean over clips, lower is better:",
        markdown_table(wide_table(summary, "LSD")),
        f"**Distance to the paper.** {likeness.sentence()}",
        markdown_table(gap_table(summary, targets)),
        READING_NOTE,
        "Artifacts: `report/report.html` (the whole report), `examples/` (sounds and spectrograms).",
    ]
    return "\n\n".join(lines)
