"""A report as one HTML file that opens from disk: pictures and sounds are inside, and it refers to nothing else."""

import base64
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from saga_kedro.files import atomic_path
from saga_kedro.reporting.blocks import Report
from saga_kedro.reporting.tables import numeric_columns

MEDIA_TYPES = {b"\x89PNG": "image/png", b"fLaC": "audio/flac", b"OggS": "audio/ogg", b"RIFF": "audio/wav"}  # by how they begin
# html off: the name of a clip or a parameter cannot become markup
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def _data_address(content: bytes) -> str:
    return f"data:{MEDIA_TYPES.get(content[:4], 'image/svg+xml')};base64,{base64.b64encode(content).decode('ascii')}"


def anchor(title: str) -> str:
    """A title as a link's target: ``LSD against frequency`` -> ``lsd-against-frequency``."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def render_html(report: Report) -> str:
    """The whole document as text."""
    templates = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(
        loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(anchor=anchor, numeric_columns=numeric_columns)
    environment.filters["markdown"] = lambda text: Markup(MARKDOWN.render(text))
    environment.filters["inline"] = lambda text: Markup(MARKDOWN.renderInline(text))
    environment.globals.update(data_address=_data_address, percent=lambda share: f"{100 * share:.2f}%")
    environment.tests["block"] = lambda block, name: type(block).__name__ == name
    return environment.get_template("report.html.j2").render(report=report)


def write_html(report: Report, path: str | Path) -> Path:
    """Write the report to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(render_html(report), encoding="utf-8")
    return Path(path)
