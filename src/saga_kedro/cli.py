"""The command `saga`. Heavy imports are inside its subcommands."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import typer

from saga_kedro.audio import FULL_BAND_HZ
from saga_kedro.errors import SagaError
from saga_kedro.quiet import silence
from saga_kedro.use.settings import DIALS, Settings

silence()

WRONG_USAGE = 2

app = typer.Typer(name="saga", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")
cli = click.Group()  # Kedro looks here for commands to add to its own; there are none

# The help text names the default.
argument, option = partial(typer.Argument, show_default=False), partial(typer.Option, show_default=False)

ModelFolder = Annotated[Path | None, option(help="Folder of a trained model. Default: the one in the package.")]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, coreml, dml; in PyTorch also cuda:1, mps.")]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON on standard output.")]


def _dial(name: str) -> Any:
    dial = DIALS[name]
    return option(help=str(dial), min=dial.lowest, max=dial.highest)


@contextmanager
def _usage_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Print these errors as one sentence, and exit with code 2."""
    try:
        yield
    except kinds as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(WRONG_USAGE) from None


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


@app.command(
    "super-resolve",
    help=f"""Give muffled audio the upper band that it could have had.

    Reads what libsndfile reads, at any rate and of any length; writes 44.1 or 48 kHz, or the input's rate where that is higher.
    Files that reach up to {FULL_BAND_HZ / 1000:g} kHz already are copied as they are.

    Exit codes: 0 all done, 1 some files failed (they are listed, the others are done), 2 wrong usage.
    """,
)
def super_resolve(
    inputs: Annotated[list[Path], argument(help="Audio files, and folders of them.")],
    out: Annotated[Path, option("--out", "-o", help="Folder for the results.")],
    format: Annotated[Literal["wav", "flac", "ogg"] | None, _dial("form")] = None,
    cutoff: Annotated[float | None, _dial("cutoff_hz")] = None,
    rate: Annotated[Literal["44100", "48000"] | None, _dial("rate")] = None,
    level: Annotated[Literal["lower", "limit", "keep"], _dial("level")] = "lower",
    gain: Annotated[float, _dial("gain_db")] = 0.0,
    rolloff: Annotated[float | None, _dial("rolloff")] = None,
    noise_floor: Annotated[float | None, _dial("noise_floor")] = None,
    prompt: Annotated[str | None, _dial("prompt")] = None,
    steps: Annotated[int | None, _dial("steps")] = None,
    s_a: Annotated[float | None, _dial("s_a")] = None,
    s_t: Annotated[float | None, _dial("s_t")] = None,
    seed: Annotated[int, typer.Option(help=str(DIALS["seed"]))] = 0,
    device: Device = "cpu",
    fast: Annotated[bool, typer.Option("--fast", help=str(DIALS["fast"]))] = False,
    model: ModelFolder = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure the inputs and say what would be done.")] = False,
    json: AsJson = False,
) -> None:
    from saga_kedro.use.command import WrongUsage, run

    settings = Settings(
        rolloff, noise_floor, prompt, steps, s_a, s_t, seed, fast, format, cutoff, rate and int(rate), level, gain
    )
    with _usage_errors(WrongUsage):
        raise typer.Exit(run(inputs, out, settings, device, model, overwrite, dry_run, json))


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=0, max=65535)] = 7860,
    model: ModelFolder = None,
    device: Device = "cpu",
) -> None:
    """A page on 127.0.0.1: drop a file, turn the dial, hear and see before and after. Needs the extra `demo`."""
    from saga_kedro.use.command import WrongUsage
    from saga_kedro.use.page import serve

    with _usage_errors(WrongUsage):
        serve(model, device, port)


@app.command("plan")
def make_plan(
    hours: Annotated[
        float | None, option(help="Hours of audio, all splits. Default: those of the ingested dataset, or of the demo.")
    ] = None,
    gpus: Annotated[int | None, option(help="GPUs of a node; 0: none. Default: fit.devices, or what this machine has.")] = None,
    nodes: Annotated[int | None, option(help="Machines, all alike. Default: fit.nodes.")] = None,
    cores: Annotated[int | None, option(help="CPU cores of a node. Default: 16 a GPU, or what this machine has.")] = None,
    env: Annotated[str, typer.Option(help="The configuration to plan for: a folder of conf/.")] = "base",
    pipeline: Annotated[str, typer.Option(help="train, or audit: what each of its budgets takes.")] = "train",
    project: Annotated[Path | None, option(help="Folder of the project. Default: the one around this folder.")] = None,
) -> None:
    """What each step will take, before anything runs: GPU time, core time, wall time, disk, memory.

    Calculated from the configuration (steps, batch, low-passes, network) and from unit costs, which are in conf/base/plan.yml:
    those of a core were measured, those of a GPU are given, each with its source. docs/operations.md has the formulas. Example:

    saga plan --hours 3800 --gpus 8 --nodes 2 --env paper
    """
    from saga_kedro.scale.command import run

    with _usage_errors(SagaError, ValueError):
        run(project or Path.cwd(), env, hours, gpus, nodes, cores, pipeline)


@app.command()
def export(
    checkpoint: Annotated[Path, argument(help="A training's checkpoint: <run>/training/last.ckpt.")],
    out: Annotated[Path, option("--out", "-o", help="Folder for the model.")],
) -> None:
    """Export a model from a training checkpoint (interrupted and sharded trainings too), in a single process."""
    from saga_kedro.training.export import export

    with _usage_errors(FileNotFoundError, ValueError):
        steps = export(checkpoint, out)
        typer.echo(f"{out}: the averaged weights after {steps} steps.")


@app.command()
def diagnose(
    loss: Annotated[float | None, option(help="Where the training loss settled.")] = None,
    latent_std: Annotated[float | None, option(help="Standard deviation of the latents that are trained on.", min=0)] = None,
    timesteps: Annotated[str, typer.Option(help="How t is drawn in training: uniform or logit_normal.")] = "uniform",
    lsd: Annotated[float | None, option(help="LSD as reported.")] = None,
    sdr: Annotated[float | None, option(help="SDR or SI-SDR as reported, in dB.")] = None,
    samples: Annotated[int | None, option(help="Samples of an evaluation item.", min=1)] = None,
    grad_norm: Annotated[list[float] | None, option(help="Gradient norm as logged; several in their order.")] = None,
    run: Annotated[str | None, option(help="Id of an MLflow run: its numbers and curves.")] = None,
    tracking: Annotated[
        str | None, option(help="Store of --run: an mlruns folder, SQLite file or address. Default: this project's.")
    ] = None,
    curves: Annotated[Path | None, option(help="Loss and gradient norms by step: CSV, TensorBoard's too.")] = None,
    config: Annotated[Path | None, option(help="Model configuration of stable-audio-tools (JSON).")] = None,
    checkpoint: Annotated[Path | None, option(help="Checkpoint: .safetensors or PyTorch.")] = None,
    outputs: Annotated[Path | None, option(help="Folder of your outputs, to be scored beside --references.")] = None,
    references: Annotated[Path | None, option(help="Folder of what they should be, by the same file names.")] = None,
    report: Annotated[Path | None, option(help="Folder for the same answer as a page, diagnosis.html.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON on standard output.")] = False,
) -> None:
    """What fits your numbers and files: yardsticks, then causes, most likely first, each with the command that confirms it.

    Give whatever you have; nothing is trained. Outputs are matched to references by file name without suffix, and looked at
    for level, delay, polarity, the band that was kept, silence, NaN, clipping, rate, length and the unit of LSD. Examples:

    saga diagnose --loss 1.2 --lsd 30 --sdr -70 --grad-norm 1000 --grad-norm 4000 --grad-norm 1000

    saga diagnose --run 4f6c... --tracking mlruns --report diagnosis
    """
    from saga_kedro.diagnosis.command import as_json
    from saga_kedro.diagnosis.command import diagnose as find
    from saga_kedro.diagnosis.numbers import Evidence
    from saga_kedro.diagnosis.page import show, write_page

    evidence = Evidence(loss, latent_std, timesteps, lsd, sdr, samples, tuple(grad_norm or ()))
    with _usage_errors(ValueError):
        found = find(evidence, run, tracking, curves, config, checkpoint, outputs, references)
        if json:
            typer.echo(as_json(found))
        else:
            show(found)
        if report:
            typer.echo(f"Report: {write_page(found, report)}", err=json)


def main() -> None:
    """Run `saga`. A `SagaError`, or a package missing from the light installation, is printed as one sentence."""
    try:
        app()
    except SagaError as error:
        typer.echo(f"Error: {error}", err=True)
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        if str(error.name).startswith("saga_kedro"):
            raise
        typer.echo(f"Error: this needs the package {error.name}, which only the whole project has: see `make train`.", err=True)
        raise SystemExit(WRONG_USAGE) from None


if __name__ == "__main__":
    main()
