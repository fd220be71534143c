"""A report as markdown, its pictures and sounds as files beside it."""

from collections.abc import Sequence
from pathlib import Path

from saga_kedro.files import atomic_path, keep_only
from saga_kedro.reporting.blocks import Block, Callout, Cards, Details, Figure, Lines, Players, Report, Table, Text, suffix_of

SIGNS = {"note": "Note", "good": "✔", "bad": "✘"}


def files_folder(path: str | Path) -> Path:
    """``report.md`` has its pictures and sounds in ``report_files/``."""
    return Path(path).with_name(f"{Path(path).stem}_files")


def _lines(blocks: Sequence[Block], folder: str, files: dict[str, bytes]) -> list[str]:
    def add(stem: str, content: bytes) -> str:
        name = f"{stem}.{suffix_of(content)}"
        if files.setdefault(name, content) != content:
            raise ValueError(f"two pictures or sounds of the report are both called {name}; give each another name")
        return f"{folder}/{name}"

    parts: list[str] = []
    for block in blocks:
        match block:
            case Text(markdown):
                parts.append(markdown.strip())
            case Callout(markdown, kind):
                parts.append(f"> **{SIGNS[kind]}** {markdown.strip()}".replace("\n", "\n> "))
            case Table(frame, caption):
                from saga_kedro.reporting.tables import markdown_table  # pandas, which the light installation lacks

                parts += [markdown_table(frame), *[f"*{caption}*"] * bool(caption)]
            case Figure():
                parts.append(f"![{block.alternative or block.caption}]({add(block.name, block.image)})")
                parts += [f"*{block.caption}*"] * bool(block.caption)
            case Players(players, caption):
                links = [f"[{player.label}]({add(player.name, player.audio)})" for player in players]
                parts.append(f"{caption}: {' · '.join(links)}" if caption else " · ".join(links))
            case Cards(cards, caption):
                parts += [caption] * bool(caption)
                for card in cards:
                    parts += [f"**{card.title}** {card.text}", *_lines([card.figure], folder, files)]
                    parts += _lines([Players([card.player])], folder, files) if card.player else []
            case Lines(lines, caption):
                parts.append("\n".join(f"- **{x.chip}** {x.title} {x.note}: {x.text}" for x in lines))
                parts += [f"*{caption}*"] * bool(caption)
            case Details(summary, inner):
                parts += [f"**{summary}**", *_lines(inner, folder, files)]
    return parts


def render_markdown(report: Report, folder: str) -> tuple[str, dict[str, bytes]]:
    """The document, and the content of the files that it refers to as ``<folder>/<name>``."""
    files: dict[str, bytes] = {}
    parts = [f"# {report.title}", report.subtitle]
    for section in report.sections:
        parts += [f"## {section.title}", *_lines(section.blocks, folder, files)]
    if report.footer:
        parts += ["---", report.footer]
    return "\n\n".join(part for part in parts if part) + "\n", files


def write_markdown(report: Report, path: str | Path) -> Path:
    """Write ``path``, and in the folder beside it exactly the files that it refers to."""
    folder = files_folder(path)
    text, files = render_markdown(report, folder.name)
    for name, content in files.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    keep_only(folder, [folder / name for name in files])
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)
