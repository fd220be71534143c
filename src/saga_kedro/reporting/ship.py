"""A trained model becomes the package's: what `load_model()` loads, and its card."""

from pathlib import PurePath
from typing import Any

import pandas as pd

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.model.onnx_export import export_onnx
from saga_kedro.model.saga_sr import SagaSR
from saga_kedro.model.saved import SHIPPED
from saga_kedro.parameters import Ingest, Parameters
from saga_kedro.reporting.tables import markdown_table
from saga_kedro.weights import SCRATCH

CARD = """\
# The model that comes with saga-kedro

Gives muffled audio the upper band that it could have had: `saga super-resolve`, or `SagaSR.from_pretrained()`.

| | |
| --- | --- |
| method | SAGA-SR (arXiv:2509.24924) on a channel vocoder of {bands} bands in the place of the VAE{captions} |
| parameters | {parameters:.1f} million, half precision |
| training | {steps} steps of {batch} segments of {seconds:.2f} s{start}, `kedro run --env bundled --pipeline train` |
| corpus | {corpus} |
| hours of training | {hours} |
| predicted roll-off | root mean square error {rmse:.3f} of the Nyquist frequency (the training median: {rmse_of_median:.3f}) |
| hash of the weights | `{weights}` |
| licence | Apache-2.0, as the code; the corpus: {licences} |

## Figures

On clips of the corpus that were kept out of training, {pairs} in all. LSD in log10 of power at 44.1 kHz, mean ± half the 95 %
interval; lower is better. The paper's rows were measured on other clips.

{table}
{recordings}
## Limits

- The codec keeps levels of bands, not waveforms: what is added is noise in the right place, at the right level. A missing
  harmonic comes back as a breath, not as a tone.
- {heard}
- How bright a result is, is a guess: turn `--rolloff` where it is wrong.
{noise_floor}"""

# by source of the corpus
HEARD = {
    "debian": """\
It has heard games' music (orchestras, synthesisers, rock), spelled letters, short sentences, drums and sound effects. Long
  reverberation and singing were rare.""",
    "git": """\
It has heard recorded speech (words, sentences, syllables), instruments note by note and sound effects. Whole pieces of music
  it has not heard, and singing was rare.""",
    "debian+git": """\
It has heard recorded speech (letters, words, sentences), instruments note by note, games' music (orchestras, synthesisers,
  rock), drums and sound effects. Whole pieces of music were of games, most of them encoded; singing was rare.""",
}
NOISE_FLOOR = """\
- A recording's own steady hiss is measured and continues above the cutoff as in training recordings whose floor is like it
  below; `--noise-floor` says how much of it, from 0 to 1 ({amount:g} unless told).
- Steady noise, such as rain, continues along its slope, and generated sound is as sharp in time as the input.
  `python benchmarks/sound.py --card FILE` measures clicks, noise, bursts and dull files, and adds a table here.
"""

RECORDINGS = """
## Recordings

Of git repositories, at these commits:

{table}
"""

FAMILIES = (
    "GPL", "LGPL", "GFDL", "CC-BY-SA", "CC-BY", "CC0", "BSD", "MIT", "Expat", "Unlicense", "public-domain", "Public-Domain",
)  # fmt: skip
"""Free licences by their first letters; the first that fits counts."""


def ship(
    model_summary: dict[str, Any], parameters: Parameters, manifest: pd.DataFrame, pairs: pd.DataFrame, headline: pd.DataFrame
) -> str:
    """Write the model in half precision and its ONNX graph into the package, and return its card."""
    model = SagaSR.from_pretrained(model_summary["folder"])
    model.sample.update(parameters.sample.model_dump())
    model.save_pretrained(SHIPPED, half=True)
    if not model.takes_prompts:  # else PyTorch alone can use it
        export_onnx(model, SHIPPED)
    count = sum(weights.numel() for weights in model.network.parameters())
    return model_card(model_summary, parameters, manifest, pairs, headline, count)


def model_card(
    summary: dict[str, Any], parameters: Parameters, manifest: pd.DataFrame, pairs: pd.DataFrame, headline: pd.DataFrame,
    count: int,
) -> str:  # fmt: skip
    """The card, in markdown, from the inputs of `ship` and the count of trained parameters."""
    model, fit, known = parameters.model, parameters.fit, summary["yardsticks"]
    hours = manifest[manifest["split"] == "train"].groupby("category")["duration_s"].sum() / 3600
    return CARD.format(
        bands=model.codec.model_dump()["bands"],
        parameters=count / 1e6,
        steps=fit.steps,
        batch=fit.batch_size,
        seconds=model.segment_samples / SAMPLE_RATE,
        start="" if fit.start == SCRATCH else f", begun from the weights that were in `{fit.start}`",
        corpus=_corpus(parameters.ingest),
        hours=", ".join(f"{name} {value:.2f}" for name, value in hours.items()),
        rmse=known["rolloff/rmse"],
        rmse_of_median=known["rolloff/rmse_of_median"],
        weights=summary["weights"],
        licences=_licences(manifest["licence"]),
        pairs=len(pairs),
        table=markdown_table(headline),
        captions=", trained without captions" if model.text.encoder == "none" else "",
        heard=HEARD.get(parameters.ingest.source, "It has heard that corpus and nothing else."),
        noise_floor=NOISE_FLOOR.format(amount=parameters.sample.noise_floor) if parameters.vary.denoise else "",
        recordings=_recordings(parameters, manifest),
    )


def _licences(column: pd.Series) -> str:
    """``GPL, CC0 and others``: copyright files have dozens, in many spellings, and those of build scripts, too."""
    named = {one for text in column.dropna().unique() for one in text.split(", ")}
    found = {next((family for family in FAMILIES if one.startswith(family)), "") for one in named}
    return ", ".join(family for family in FAMILIES if family in found) + (" and others" if "" in found else "")


def _corpus(ingest: Ingest) -> str:
    packages = "the audio of the Debian packages " + ", ".join(ingest.packages)
    fetched = {
        "debian": packages,
        "git": "the audio of the git repositories under Recordings",
        "debian+git": f"{packages}; and of the git repositories under Recordings",
    }
    return fetched.get(ingest.source) or (PurePath(ingest.path).name if ingest.path else ingest.source)


def _recordings(parameters: Parameters, manifest: pd.DataFrame) -> str:
    """The repositories in the corpus, and their authors."""
    if "git" not in parameters.ingest.source.split("+"):
        return ""
    used = {"/".join(group.split("/")[:2]) for group in manifest["group"]}
    rows = [
        {"repository": f"[{one.name}]({one.address})", "commit": one.commit, "licence": one.licence, "by": one.attribution}
        for one in parameters.repositories
        if one.name in used
    ]
    return RECORDINGS.format(table=markdown_table(pd.DataFrame(rows)))
