"""What MkDocs does not do, so that the markdown stays right where it is read in the repository.

README.md is the front page, and the notebooks in docs/ are pages. A link to a file outside docs/ leads to a page that shows
that file; a link to a folder, to a page that lists it. A link to what is not there is left, and the strict build stops at it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
FRONT = {"README.md": "index.md", "README.zh.md": "index.zh.md"}
ALWAYS = ("CONTRIBUTING.md", "CHANGELOG.md", "conf/base/parameters.yml", "src/saga_kedro/pretrained/README.md")  # in the nav
ELSEWHERE = "repository"  # folder of the site for what lies outside docs/
UNSEARCHED = "---\nsearch: {exclude: true}\n---\n"  # a file's lines would hide what the pages say of it
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)
LANGUAGES = {".yml": "yaml", ".py": "python", ".toml": "toml", ".csv": "text"}

_path_of: dict[str, str] = {}
"""Where the text of a page lies in the repository: its links are relative to that."""


def site_uri(path: str) -> str:
    """Where the site has a file of the repository; ``path`` is relative to the project."""
    if path in FRONT:
        return FRONT[path]
    inside = path.removeprefix("docs/")
    if path.endswith(".ipynb"):
        return f"{inside.removesuffix('.ipynb')}.md"
    if inside != path and not inside.endswith(".py") and not (ROOT / path).is_dir():
        return inside
    return f"{ELSEWHERE}/{path}" + ("" if path.endswith(".md") else ".md")


def linked(markdown: str, path: str) -> dict[str, str]:
    """The relative links of a text to what the repository has: as written -> path in the project."""
    found = {}
    for match in LINK.finditer(FENCE.sub("", markdown)):
        target = os.path.normpath(os.path.join(os.path.dirname(path), match[1]))
        if not target.startswith("..") and (ROOT / target).exists():
            found[match[1]] = target
    return found


def relinked(markdown: str, path: str, uri: str) -> str:
    """The text with its links as the site has them."""
    known = linked(markdown, path)

    def instead(match: re.Match[str]) -> str:
        if match[1] not in known:
            return match[0]
        return f"]({os.path.relpath(site_uri(known[match[1]]), os.path.dirname(uri) or '.')}{match[2] or ''})"

    parts = FENCE.split(markdown)  # what is in a fence is every second
    return "".join(part if place % 2 else LINK.sub(instead, part) for place, part in enumerate(parts))


def text_of(path: str) -> str:
    """Markdown that shows a file or a folder of the repository."""
    whole = ROOT / path
    if whole.is_dir():
        names = sorted(child.relative_to(whole.parent).as_posix() for child in whole.rglob("*") if child.is_file())
        return f"{UNSEARCHED}# {path}/\n\n" + "\n".join(f"- [{name}]({name})" for name in names) + "\n"
    if path.endswith(".ipynb"):
        return notebook(json.loads(whole.read_text(encoding="utf-8")), whole.name)
    text = whole.read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    return f"{UNSEARCHED}# {path}\n\n```{LANGUAGES.get(whole.suffix, 'text')}\n{text.rstrip()}\n```\n"


def notebook(content: dict[str, Any], name: str) -> str:
    """A notebook's cells as markdown; under the title, where the notebook itself is to be had."""
    cells = []
    for cell in content["cells"]:
        source = "".join(cell["source"])
        cells.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    title, _, rest = cells[0].partition("\n")
    return "\n\n".join([title, f'<a href="{name}" download>{name}</a>', rest.strip(), *cells[1:]]) + "\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that docs/ has not: the front pages, the notebooks, and all that is linked, from them in turn as well."""
    _path_of.clear()
    _path_of.update({file.src_uri: f"docs/{file.src_uri}" for file in files.documentation_pages()})
    notebooks = [f"docs/{file.src_uri}" for file in files if file.src_uri.endswith(".ipynb")]
    texts = {path: text_of(path) for path in _path_of.values()}
    todo = [*FRONT, *ALWAYS, *notebooks, *(path for page, text in texts.items() for path in linked(text, page).values())]
    while todo:
        path = todo.pop()
        uri = site_uri(path)
        if uri in _path_of or files.get_file_from_path(uri):
            continue
        text = text_of(path)
        _path_of[uri] = f"{path}.md" if (ROOT / path).is_dir() else path
        files.append(File.generated(config, uri, content=text))
        if path.endswith((".md", ".ipynb")) or (ROOT / path).is_dir():
            todo += linked(text, _path_of[uri]).values()
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as the site has them."""
    return relinked(markdown, _path_of[page.file.src_uri], page.file.src_uri)
