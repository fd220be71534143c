"""Pipeline `report`: a finished evaluation to one HTML file that opens from disk, a Markdown file and plots."""

from kedro.pipeline import Pipeline, node

from saga_kedro.evaluation.rolloff_dial import turn_dial
from saga_kedro.evaluation.score import frequency_curves
from saga_kedro.pipelines.evaluate.pipeline import model_to_judge
from saga_kedro.reporting.plots import plot
from saga_kedro.reporting.results import gather, write_report
from saga_kedro.tracking import read_history


def create_pipeline(**_) -> Pipeline:
    return model_to_judge() + Pipeline(
        [
            node(frequency_curves, ["pairs", "outputs", "report_settings"], "lsd_by_frequency", name="measure_by_frequency"),
            node(
                turn_dial,
                ["pairs", "pair_captions", "model_summary", "settings", "dial_folder"],
                "rolloff_dial",
                name="turn_dial",
                tags=["weights.text", "weights.codec"],
            ),
            node(read_history, "model_summary", "training_history", name="read_history"),
            node(plot, ["lsd_by_frequency", "training_history"], ["lsd_by_frequency_plot", "loss_plot"], name="plot"),
            node(
                gather,
                ["summary", "scores", "pairs", "outputs", "paper_targets", "model_summary", "data_version", "settings"],
                "report_findings",
                name="gather",
            ),
            node(
                write_report,
                ["report_findings", "lsd_by_frequency", "rolloff_dial", "training_history", "report_folder"],
                ["headline", "report_to_mlflow"],
                name="write_report",
            ),
        ]
    )
