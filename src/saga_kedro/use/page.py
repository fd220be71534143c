"""`saga demo`: a page on this machine. Drop a file, turn the dial, hear and see before and after."""

import tempfile
from pathlib import Path
from typing import Any

from saga_kedro.use.command import WrongUsage, duration_of, load
from saga_kedro.use.settings import DIALS, Settings

HOST = "127.0.0.1"
SHOWN_SECONDS = 30.0


def serve(model: Path | None, device: str, port: int) -> None:
    """Serve the page on 127.0.0.1 until the process ends; port 0 is any free one.

    Raises WrongUsage if Gradio is not installed, the port is taken, or there is no model or device.
    """
    try:
        import gradio
    except ImportError as error:
        raise WrongUsage("the page needs Gradio: pip install 'saga-kedro[demo]'.") from error
    page = build(load(model, device))
    try:
        page.launch(
            server_name=HOST,
            server_port=port or None,
            share=False,
            show_error=True,
            footer_links=[],
            theme=gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["monospace"]),  # no fonts from elsewhere
        )
    except OSError as error:
        raise WrongUsage(f"port {port} cannot be used ({error}): choose another with --port.") from error


def build(model: Any) -> Any:
    """The page of a model, as `gradio.Blocks`."""
    import gradio as gr

    folder = tempfile.TemporaryDirectory(prefix="saga-demo-")

    # Gradio looks for its progress among the defaults
    def resolve(path, likely, rolloff, noise_floor, prompt, cutoff_hz, rate, level, steps, fast, seed, progress=gr.Progress()):  # noqa: B008
        if not path:
            raise gr.Error("Drop a file first.")
        settings = Settings(
            rolloff=None if likely else rolloff,
            noise_floor=noise_floor,
            prompt=prompt.strip() or None,
            cutoff_hz=cutoff_hz or None,
            rate=rate,
            level=level,
            steps=int(steps) if steps else None,
            fast=fast,
            seed=int(seed or 0),
        )
        try:
            return super_resolve(model, Path(path), Path(tempfile.mkdtemp(dir=folder.name)), settings, progress)
        except ValueError as error:
            raise gr.Error(str(error)) from None

    def dial(kind, name, value, **options):
        return kind(value=value, label=str(DIALS[name]), **options)

    with gr.Blocks(title="SAGA-SR", analytics_enabled=False) as page:
        page.folder = folder  # as long as the page lives
        gr.Markdown("# SAGA-SR\nGives muffled audio the upper band that it could have had. Nothing leaves this machine.")
        with gr.Row():
            with gr.Column():
                before = gr.Audio(label="Before", type="filepath", sources=["upload"])
                likely = gr.Checkbox(True, label="As bright as is likely")
                hiss = model.sample.get("noise_floor", 0.0)
                asked = [
                    dial(gr.Slider, "rolloff", 0.8, minimum=0, maximum=1, step=0.01),
                    dial(gr.Slider, "noise_floor", hiss, minimum=0, maximum=1, step=0.05),
                    dial(gr.Textbox, "prompt", "", visible=model.takes_prompts),
                ]
                with gr.Accordion("More", open=False):
                    asked += [
                        dial(gr.Number, "cutoff_hz", None),
                        dial(gr.Dropdown, "rate", None, choices=[("as it suits", None), 44_100, 48_000]),
                        dial(gr.Dropdown, "level", "lower", choices=["lower", "limit"]),
                        dial(gr.Number, "steps", None, precision=0, minimum=1, maximum=1000),
                        dial(gr.Checkbox, "fast", False),
                        dial(gr.Number, "seed", 0, precision=0),
                    ]
                button = gr.Button("Super-resolve", variant="primary")
            with gr.Column():
                after = gr.Audio(label="After", type="filepath", interactive=False)
                words = gr.Markdown()
                picture = gr.Plot(label="Before and after")
        button.click(resolve, [before, likely, *asked], [after, picture, words], api_name="super_resolve")
    return page


def super_resolve(model: Any, path: Path, folder: Path, settings: Settings, progress: Any) -> tuple[str, Any, str]:
    """The path of a file's result in ``folder``, a figure of both spectrograms, and a sentence; ValueError if the file failed.

    ``progress`` is called with the finished share, in [0, 1].
    """
    from saga_kedro.use.one_file import super_resolve_file
    from saga_kedro.use.places import Job, format_of

    job = Job(path, folder / f"{path.stem}.{format_of(path)}")
    duration, done = duration_of(job), 0.0

    def advance(seconds: float) -> None:
        nonlocal done
        done += seconds
        progress(min(1.0, done / max(duration, 1e-3)))

    outcome = super_resolve_file(model, job, settings, advance)
    if outcome.status == "failed":
        raise ValueError(outcome.why)
    words = "; ".join([f"{outcome.status} ({outcome.why})", *outcome.notes])
    return outcome.output, _picture(path, Path(outcome.output), outcome.cutoff_hz), words


def _picture(before: Path, after: Path, cutoff_hz: float | None) -> Any:
    from saga_kedro.audio import SAMPLE_RATE
    from saga_kedro.audio.io import audio_info, read_audio
    from saga_kedro.audio.resample import resample
    from saga_kedro.reporting.spectrograms import spectrogram_figure

    def shown(path: Path) -> Any:
        audio, rate = read_audio(path, 0, int(SHOWN_SECONDS * audio_info(path).rate))
        return resample(audio, rate, SAMPLE_RATE)

    return spectrogram_figure({"before": shown(before), "after": shown(after)}, SAMPLE_RATE, cutoff_hz)
