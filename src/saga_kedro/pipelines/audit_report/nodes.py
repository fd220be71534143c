"""Nodes of the pipeline `audit_report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def draw_again(parameters: dict[str, Any], issues_file: str, folders: dict[str, str]) -> dict[str, str]:
    """Draw the page from saved findings; nothing is trained.

    Args:
        parameters: all of them; ``audit.findings`` names a folder of findings, null the one that `audit` wrote.
        issues_file: YAML with the issues, whose words the page shows.
        folders: ``report``: where the page goes.

    Returns:
        findings, html, chinese, markdown: where they are.
    """
    from saga_kedro.audit.issues import read_catalogue

    folder = parameters["audit"]["findings"] or Path(folders["report"]) / "audit_findings"
    return draw(folder, read_catalogue(issues_file), folders["report"])


def draw(findings: str | Path, catalogue: Any, report_folder: str | Path) -> dict[str, str]:
    """The page of a folder of findings, written into ``report_folder``."""
    from saga_kedro.audit.findings import read
    from saga_kedro.audit.report import write_pages

    found = read(findings, catalogue)
    written = {"findings": Path(findings).as_posix(), **write_pages(found, Path(report_folder) / found.facts["name"])}
    print(f"Report: {written['html']}")
    return written
