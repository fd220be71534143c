"""Pipeline `report`."""

from kedro.pipeline import Pipeline, node, pipeline

from saga_kedro.pipelines.evaluate.pipeline import model_to_judge
from saga_kedro.pipelines.report.nodes import gather, measure_by_frequency, plot, read_history, turn_dial, write_report


def create_pipeline(**_) -> Pipeline:
    """A finished evaluation -> its report, as HTML and markdown, and plots."""
    written = pipeline(
        [
            node(
                measure_by_frequency,
                inputs=["pairs", "outputs", "report_settings"],
                outputs="lsd_by_frequency",
                name="measure_by_frequency",
            ),
            node(
                turn_dial,
                inputs=["pairs", "pair_captions", "model_summary", "settings", "dial_folder"],
                outputs="rolloff_dial",
                name="turn_dial",
            ),
            node(read_history, inputs="model_summary", outputs="training_history", name="read_history"),
            node(
                plot,
                inputs=["lsd_by_frequency", "training_history"],
                outputs=["lsd_by_frequency_plot", "loss_plot"],
                name="plot",
            ),
            node(
                gather,
                inputs=["summary", "pairs", "outputs", "paper_targets", "model_summary", "data_version", "settings"],
                outputs="report_findings",
                name="gather",
            ),
            node(
                write_report,
                inputs=["report_findings", "lsd_by_frequency", "rolloff_dial", "training_history", "report_folder"],
                outputs="headline",
                name="write_report",
            ),
        ]
    )
    return model_to_judge() + written
