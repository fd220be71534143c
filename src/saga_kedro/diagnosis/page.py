"""A diagnosis as a report for page and terminal. Numbers alone need no package that the light installation lacks."""

from pathlib import Path

from saga_kedro.diagnosis.command import Diagnosis
from saga_kedro.reporting.blocks import Block, Callout, Details, Figure, Report, Section, Table, Text

MEANINGS = {
    "LSD": "log10 of power, the paper's unit",
    "LSD in dB": "the failing code's formula",
    "SI-SDR": "dB, mean over items",
    "SI-SDR, delay removed": "dB, begun together",
    "SI-SDR, flattened batch": "dB, batches of four, as the failing code shifts them",
    "SNR": "dB, mean over items",
}
DRAWN = {"loss": ("flow loss", "Your training loss"), "norm": ("gradient norm", "Your gradient norm, as logged")}


def write_page(found: Diagnosis, folder: Path) -> Path:
    """Write ``diagnosis.html`` into a folder, which is made if missing; a ValueError if nothing can be written."""
    from saga_kedro.reporting.html import write_html

    try:
        return write_html(build_page(found), folder / "diagnosis.html")
    except OSError as error:
        raise ValueError(f"{folder}: the report cannot be written there ({error.strerror}): name another folder.") from error


def show(found: Diagnosis) -> None:
    """Print a diagnosis: the page without pictures and the table of every output."""
    from rich.console import Console
    from rich.markdown import Markdown

    page = build_page(found, pictures=False)
    parts = [f"# {page.title}", page.subtitle]
    for section in page.sections:
        parts += [f"## {section.title}", *filter(None, map(_printed, section.blocks))]
    Console().print(Markdown("\n\n".join(parts)))


def _printed(block: Block) -> str:
    """A block as markdown; nothing for those that only the page has."""
    match block:
        case Text(markdown):
            return markdown
        case Callout(markdown, kind):
            return f"> **{'✘' if kind == 'bad' else 'Note'}** {markdown}".replace("\n", "\n> ")
        case Table(frame, caption):
            from saga_kedro.reporting.tables import markdown_table  # pandas, which the light installation lacks

            return f"{markdown_table(frame)}\n\n*{caption}*"
    return ""


def build_page(found: Diagnosis, pictures: bool = True) -> Report:
    """The sections of the page that something was given for."""
    figures = _figures(found) if pictures and found.curves else []
    parts = {
        "What fits": _causes(found),
        "Your curves against the yardsticks" if figures else "The yardsticks": [*figures, *_yardsticks(found)],
        "Your outputs": _outputs(found) if found.outputs else [],
    }
    fit = "cause fits" if len(found.causes) == 1 else "causes fit"
    subtitle = f"{len(found.causes)} {fit}, most likely first. Nothing was run for this page."
    sections = [Section(title, blocks) for title, blocks in parts.items() if blocks]
    return Report("Diagnosis of a SAGA-SR reproduction", subtitle, sections)


def _causes(found: Diagnosis) -> list[Block]:
    blocks: list[Block] = []
    for place, cause in enumerate(found.causes, start=1):
        says = cause.says[0].upper() + cause.says[1:]
        advice = f" {cause.advice}" if cause.advice else ""
        text = f"**{place}. {says}.** Seen in {cause.seen_in}: {cause.because}.{advice}\n\n`{cause.confirm}`"
        blocks.append(Callout(text, "bad") if cause.likelihood >= 0.8 else Text(text))
    nothing = "No known cause fits. That does not mean that all is well: give more numbers or files."
    return blocks or [Callout(nothing)]


def _yardsticks(found: Diagnosis) -> list[Block]:
    rows = [f"| {line.what} | {line.value:.3g} | {line.meaning} |" for line in found.yardsticks]
    return [Text("\n".join(["| what | value | meaning |", "| --- | ---: | --- |", *rows]))] if rows else []


def _figures(found: Diagnosis) -> list[Block]:
    from saga_kedro.reporting.charts import curves_chart
    from saga_kedro.reporting.figures import png

    blocks: list[Block] = []
    for curve, (label, title) in DRAWN.items():
        if curve in found.curves:
            levels = {line.what: line.value for line in found.yardsticks if line.curve == curve}
            picture = curves_chart({"yours": found.curves[curve]}, label, title, levels, curve == "norm")
            if picture is not None:
                caption = "Running mean over a twentieth of the points; dashed: the yardsticks below."
                names = "; ".join(f"{name} {value:.3g}" for name, value in levels.items())
                blocks.append(Figure(png(picture), caption, f"{title} over steps, against: {names}."))
    return blocks


def _outputs(found: Diagnosis) -> list[Block]:
    import pandas as pd

    from saga_kedro.reporting.tables import number

    files, alone, left_out = (found.outputs[name] for name in ("files", "without_partner", "left_out"))
    left = [f"{path}: has no partner of the same name." for path in alone] + left_out
    measured = []
    for row in files.to_dict("records"):
        marks = ", ".join(f"{name} {number(row[name])}" for name in MEANINGS)
        place = f"level {number(row['level_db'], 1)} dB, delay {number(row['delay'], 0)} samples"
        bands = f"kept up to {number(row['kept_hz'], 0)} Hz, carries up to {number(row['cutoff_hz'], 0)} Hz"
        measured.append((row["name"], f"{marks}; {place}; {bands} (reference {number(row['reference_hz'], 0)} Hz)"))
    means = [(name, number(files[name].mean()), meaning) for name, meaning in MEANINGS.items()]
    scores = Table(pd.DataFrame(means, columns=["what", "value", "meaning"]), f"Means over {len(files)} outputs.")
    each = Table(pd.DataFrame(measured, columns=["output", "measured"]))
    blocks: list[Block] = [scores, Details("Every output", [each])]
    return [*blocks, Callout("\n".join(f"- {sentence}" for sentence in left))] if left else blocks
