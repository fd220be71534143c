"""`saga`: what people do with a trained model, one command each. Heavy imports live inside the commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from saga_kedro.files import NoSpace
from saga_kedro.quiet import silence
from saga_kedro.use.settings import DIALS, Settings

silence()

WRONG_USAGE = 2

app = typer.Typer(name="saga", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")
# Kedro looks in this module for commands to put beside its own: there are none.
cli = click.Group()


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"saga-kedro {version('saga-kedro')}")
        raise typer.Exit


@app.callback()
def saga(
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.", callback=_version)] = False,
) -> None:
    """SAGA-SR: audio super-resolution. Everything runs on this machine; nothing is sent or fetched."""


class Format(StrEnum):
    """Formats that files are written in."""

    wav = "wav"
    flac = "flac"
    ogg = "ogg"


def _dial(name: str) -> Any:
    dial = DIALS[name]
    return typer.Option(help=str(dial), min=dial.lowest, max=dial.highest, show_default=False)


Model = Annotated[
    Path | None, typer.Option(help="Folder of a trained model. Default: the one in the package.", show_default=False)
]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, coreml, dml; in PyTorch also cuda:1, mps.")]


@app.command("super-resolve")
def super_resolve(
    inputs: Annotated[list[Path], typer.Argument(help="Audio files, and folders of them.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", show_default=False)],
    format: Annotated[Format | None, _dial("form")] = None,
    cutoff: Annotated[float | None, _dial("cutoff_hz")] = None,
    rolloff: Annotated[float | None, _dial("rolloff")] = None,
    noise_floor: Annotated[float | None, _dial("noise_floor")] = None,
    prompt: Annotated[str | None, _dial("prompt")] = None,
    steps: Annotated[int | None, _dial("steps")] = None,
    s_a: Annotated[float | None, _dial("s_a")] = None,
    s_t: Annotated[float | None, _dial("s_t")] = None,
    seed: Annotated[int, typer.Option(help=str(DIALS["seed"]))] = 0,
    device: Device = "cpu",
    fast: Annotated[bool, typer.Option("--fast", help=str(DIALS["fast"]))] = False,
    model: Model = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure the inputs and say what would be done.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")] = False,
) -> None:
    """Give muffled audio the upper band that it could have had.

    Reads what libsndfile reads, at any rate and of any length; writes 44.1 kHz, or the input's rate where that is higher.
    Files that reach up to 17 kHz already are copied as they are.

    Exit codes: 0 all done, 1 some files failed (they are listed, the others are done), 2 wrong usage.
    """
    from saga_kedro.use.command import WrongUsage, run

    settings = Settings(rolloff, noise_floor, prompt, steps, s_a, s_t, seed, fast, format and format.value, cutoff)
    try:
        raise typer.Exit(run(inputs, out, settings, device, model, overwrite, dry_run, json))
    except WrongUsage as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(WRONG_USAGE) from None


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=0, max=65535)] = 7860,
    model: Model = None,
    device: Device = "cpu",
) -> None:
    """A page on 127.0.0.1: drop a file, turn the dial, hear and see before and after. Needs the extra `demo`."""
    from saga_kedro.use.command import WrongUsage
    from saga_kedro.use.page import serve

    try:
        serve(model, device, port)
    except WrongUsage as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(WRONG_USAGE) from None


@app.command()
def doctor(
    env: Annotated[str, typer.Option(help="The configuration to look at: a folder of conf/.")] = "paper",
    project: Annotated[
        Path | None, typer.Option(help="Folder of the project. Default: the one around this folder.", show_default=False)
    ] = None,
) -> None:
    """What this machine can run: hardware, weights, corpora, disk, DVC, MLflow; and what to do about each thing missing."""
    from saga_kedro.configuration import find_project, read_parameters
    from saga_kedro.doctor import examine, report

    folder = find_project(project or Path.cwd())
    if folder is None or not (folder / "conf" / env).is_dir():
        missing = "no project" if folder is None else f"no conf/{env}"
        typer.echo(f"Error: there is {missing} at {project or Path.cwd()}: name the folder with --project.", err=True)
        raise typer.Exit(WRONG_USAGE)
    report(examine(folder, read_parameters(folder, env)), env)


@app.command("plan")
def make_plan(
    hours: Annotated[
        float | None,
        typer.Option(
            help="Hours of audio, all splits. Default: of the dataset that is there, or of the demo.", show_default=False
        ),
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option(help="GPUs of a node; 0: none. Default: fit.devices, or what this machine has.", show_default=False),
    ] = None,
    nodes: Annotated[int | None, typer.Option(help="Machines, all alike. Default: fit.nodes.", show_default=False)] = None,
    cores: Annotated[
        int | None,
        typer.Option(help="CPU cores of a node. Default: 16 a GPU, or what this machine has.", show_default=False),
    ] = None,
    env: Annotated[str, typer.Option(help="The configuration to plan for: a folder of conf/.")] = "base",
    measure: Annotated[
        bool, typer.Option("--measure", help="Time the unit costs on this machine first, in under two minutes.")
    ] = False,
    project: Annotated[
        Path | None, typer.Option(help="Folder of the project. Default: the one around this folder.", show_default=False)
    ] = None,
) -> None:
    """What each step will take, before anything runs: GPU time, core time, wall time, disk, memory.

    Reckoned from the configuration (steps, batch, low-passes, network) and from unit costs, which are in conf/base/plan.yml:
    those of a core were measured, those of a GPU are given, each with its source. docs/scale.md has the formulas. Examples:

    saga plan

    saga plan --hours 3800 --gpus 8 --nodes 2 --env paper

    saga plan --hours 100 --env paper --measure
    """
    from click import ClickException

    from saga_kedro.scale.command import run

    try:
        run(project or Path.cwd(), env, hours, gpus, nodes, cores, measure)
    except (ClickException, ValueError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(WRONG_USAGE) from None


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="A training's checkpoint: <run>/training/last.ckpt.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model.", show_default=False)],
) -> None:
    """Make a model of a training's checkpoint, in one process: of a killed one too, and of one that was sharded over many."""
    from saga_kedro.training.export import export

    try:
        steps = export(checkpoint, out)
    except (FileNotFoundError, ValueError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(WRONG_USAGE) from None
    typer.echo(f"{out}: the averaged weights after {steps} steps.")


@app.command()
def diagnose(
    loss: Annotated[float | None, typer.Option(help="Where the training loss settled.", show_default=False)] = None,
    latent_std: Annotated[
        float | None, typer.Option(help="Standard deviation of the latents that are trained on.", min=0, show_default=False)
    ] = None,
    timesteps: Annotated[str, typer.Option(help="How t is drawn in training: uniform or logit_normal.")] = "uniform",
    lsd: Annotated[float | None, typer.Option(help="LSD as reported.", show_default=False)] = None,
    sdr: Annotated[float | None, typer.Option(help="SDR or SI-SDR as reported, in dB.", show_default=False)] = None,
    samples: Annotated[int | None, typer.Option(help="Samples of an evaluation item.", min=1, show_default=False)] = None,
    grad_norm: Annotated[
        list[float] | None, typer.Option(help="Gradient norm as logged; several in their order.", show_default=False)
    ] = None,
    run: Annotated[str | None, typer.Option(help="Id of an MLflow run: its numbers and curves.", show_default=False)] = None,
    tracking: Annotated[
        str | None,
        typer.Option(
            help="Store of --run: an mlruns folder, SQLite file or address. Default: this project's.", show_default=False
        ),
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option(
            help="Loss and gradient norms by step: CSV, or TensorBoard's event file or its folder.", show_default=False
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Model configuration of stable-audio-tools (JSON).", show_default=False)
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint: .safetensors or PyTorch.", show_default=False)] = None,
    outputs: Annotated[
        Path | None, typer.Option(help="Folder of your outputs, to be scored beside --references.", show_default=False)
    ] = None,
    references: Annotated[
        Path | None, typer.Option(help="Folder of what they should be, by the same file names.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for the same answer as a page, diagnosis.html.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON on standard output.")] = False,
) -> None:
    """What fits your numbers and files: yardsticks, then causes, most likely first, each with the command that confirms it.

    Give whatever you have; nothing is trained. Outputs are matched to references by file name without suffix, and looked at
    for level, delay, polarity, the band that was kept, silence, NaN, clipping, rate, length and the unit of LSD. Examples:

    saga diagnose --loss 1.2 --lsd 30 --sdr -70 --grad-norm 1000 --grad-norm 4000 --grad-norm 1000

    saga diagnose --curves metrics.csv --outputs results --references originals --lsd 30 --report diagnosis

    saga diagnose --run 4f6c... --tracking mlruns --report diagnosis
    """
    from saga_kedro.diagnosis.command import as_json
    from saga_kedro.diagnosis.command import diagnose as find
    from saga_kedro.diagnosis.numbers import Evidence
    from saga_kedro.diagnosis.page import show, write_page

    evidence = Evidence(loss, latent_std, timesteps, lsd, sdr, samples, tuple(grad_norm or ()))
    try:
        found = find(evidence, run, tracking, curves, config, checkpoint, outputs, references)
        if json:
            typer.echo(as_json(found))
        else:
            show(found)
        if report:
            typer.echo(f"Report: {write_page(found, report)}", err=json)
    except ValueError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None


def main() -> None:
    """`saga`. What the light installation leaves out is one sentence, and so is a full disk."""
    try:
        app()
    except NoSpace as error:
        typer.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        if str(error.name).startswith("saga_kedro"):
            raise
        typer.echo(f"Error: this needs the package {error.name}, which only the whole project has: see `make train`.", err=True)
        raise SystemExit(WRONG_USAGE) from None


if __name__ == "__main__":
    main()
