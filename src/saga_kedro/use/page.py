"""`saga demo`: a page on this machine. Drop a file, turn the dial, hear and see before and after."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from saga_kedro.use.command import WrongUsage, load

HOST = "127.0.0.1"
SHOWN_SECONDS = 30.0


def serve(model: Path | None, device: str, port: int) -> None:
    """Serve the page on 127.0.0.1 until the process ends.

    Args:
        model: folder of a trained model; None is the one in the package.
        device: where to compute.
        port: of the page; 0 takes any that is free.

    Raises:
        WrongUsage: Gradio is not installed, the port is taken, no model, or no such device.
    """
    try:
        import gradio
    except ImportError as error:
        raise WrongUsage("the page needs Gradio: pip install 'saga-kedro[demo]'.") from error
    page = build(load(model, device))
    try:
        page.launch(
            server_name=HOST,
            server_port=port or _free_port(),
            share=False,
            show_error=True,
            footer_links=[],
            theme=gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"]),  # no fonts from elsewhere
        )
    except OSError as error:
        raise WrongUsage(f"port {port} cannot be used ({error}): choose another with --port.") from error


def build(model: Any) -> Any:
    """The page, as `gradio.Blocks`.

    Args:
        model: of `load_model`.
    """
    import gradio as gr

    folder = tempfile.TemporaryDirectory(prefix="saga-demo-")

    def resolve(
        path: str | None,
        likely: bool,
        rolloff: float,
        noise_floor: float,
        cutoff_khz: float | None,
        prompt: str,
        steps: float,
        fast: bool,
        seed: float | None,
        progress: Any = gr.Progress(),  # noqa: B008  # Gradio looks for it among the defaults
    ) -> tuple[str, Any, str]:
        if not path:
            raise gr.Error("Drop a file first.")
        settings = {
            "cutoff_hz": 1000 * cutoff_khz if cutoff_khz else None,
            "rolloff": None if likely else rolloff,
            "noise_floor": noise_floor,
            "prompt": prompt.strip() or None,
            "steps": int(steps) or None,
            "fast": fast,
            "seed": int(seed or 0),
        }
        after, picture, words, problem = super_resolve(
            model, Path(path), Path(tempfile.mkdtemp(dir=folder.name)), settings, progress
        )
        if problem:
            raise gr.Error(problem)
        return after, picture, words

    with gr.Blocks(title="SAGA-SR", analytics_enabled=False) as page:
        page.folder = folder  # as long as the page lives
        gr.Markdown("# SAGA-SR\nGives muffled audio the upper band that it could have had. Nothing leaves this machine.")
        with gr.Row():
            with gr.Column():
                before = gr.Audio(label="Before", type="filepath", sources=["upload"])
                likely = gr.Checkbox(True, label="As bright as is likely")
                rolloff = gr.Slider(0, 1, 0.8, step=0.01, label="Brightness: roll-off of the result, as a part of 22 kHz")
                noise_floor = gr.Slider(
                    0, 1, model.sample.get("noise_floor", 0.0), step=0.05, label="How much of the recording's own hiss goes on"
                )
                prompt = gr.Textbox(
                    label="What is to be heard (empty: described by itself)", visible=model.takes_prompts, value=""
                )
                with gr.Accordion("More", open=False):
                    cutoff = gr.Number(None, label="kHz up to which the input carries signal (empty: measured)")
                    steps = gr.Slider(0, 100, 0, step=1, label="Evaluations of the network (0: the model's own number)")
                    fast = gr.Checkbox(False, label="Fast: at most four evaluations, no guidance")
                    seed = gr.Number(0, label="Seed", precision=0)
                button = gr.Button("Super-resolve", variant="primary")
            with gr.Column():
                after = gr.Audio(label="After", type="filepath", interactive=False)
                words = gr.Markdown()
                picture = gr.Plot(label="Before and after")
        asked = [before, likely, rolloff, noise_floor, cutoff, prompt, steps, fast, seed]
        button.click(resolve, asked, [after, picture, words], api_name="super_resolve")
    return page


def super_resolve(model: Any, path: Path, folder: Path, settings: dict[str, Any], progress: Any) -> tuple[str, Any, str, str]:
    """Super-resolve a file for the page.

    Args:
        model: of `load_model`.
        path: the file.
        folder: for the result.
        settings: of `Settings`.
        progress: called with the part that is done, in [0, 1].

    Returns:
        Path of the result, a figure of both spectrograms, what was done in a sentence; and what went wrong.
    """
    from saga_kedro.audio.io import UnreadableAudio, audio_info
    from saga_kedro.use.one_file import super_resolve_file
    from saga_kedro.use.places import Job, format_of
    from saga_kedro.use.settings import Settings

    try:
        duration = audio_info(path).duration_s
    except UnreadableAudio as error:
        return "", None, "", str(error)
    done = 0.0

    def advance(seconds: float) -> None:
        nonlocal done
        done += seconds
        progress(min(1.0, done / max(duration, 1e-3)))

    job = Job(path, folder / f"{path.stem}.{format_of(path)}")
    outcome = super_resolve_file(model, job, Settings(**settings), advance)
    if outcome.status == "failed":
        return "", None, "", outcome.why
    words = "; ".join([f"{outcome.status} ({outcome.why})", *outcome.notes])
    return outcome.output, _picture(path, Path(outcome.output), outcome.cutoff_hz), words, ""


def _picture(before: Path, after: Path, cutoff_hz: float | None) -> Any:
    from saga_kedro.audio import SAMPLE_RATE
    from saga_kedro.audio.io import audio_info, read_audio
    from saga_kedro.audio.resample import resample
    from saga_kedro.reporting.spectrograms import spectrogram_figure

    def shown(path: Path) -> Any:
        audio, rate = read_audio(path, 0, int(SHOWN_SECONDS * audio_info(path).rate))
        return resample(audio, rate, SAMPLE_RATE)

    return spectrogram_figure({"before": shown(before), "after": shown(after)}, SAMPLE_RATE, cutoff_hz)


def _free_port() -> int:
    import socket

    with socket.socket() as candidate:
        candidate.bind((HOST, 0))
        return int(candidate.getsockname()[1])
