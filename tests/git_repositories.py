"""Small git repositories with audio, and entries that name them, for the tests of the source git."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

from corpus_files import write_tree
from saga_kedro.parameters import Repository

LICENCE = "Do what you like, and name us.\n"
NOBODY = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null")


def git(folder: Path, *arguments: str) -> str:
    """What a command of git prints."""
    command = ["git", "-C", str(folder), *NOBODY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path) -> str:
    """Commit all that lies in a repository; the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "audio")
    return git(folder, "rev-parse", "HEAD")


def make_repository(folder: Path, *paths: str) -> str:
    """A repository with a licence and files of noise; its commit."""
    write_tree(folder, *paths)
    (folder / "LICENSE").write_text(LICENCE)
    git(folder, "init", "--quiet")
    return commit(folder)


def entry(name: str, revision: str, *audio: dict[str, Any], **fields: Any) -> Repository:
    """An entry of the section ``repositories``."""
    given = {
        "address": f"https://example.org/{name}",
        "commit": revision,
        "licence": "CC-BY-4.0",
        "licence_file": "LICENSE",
        "licence_sha256": hashlib.sha256(LICENCE.encode()).hexdigest(),
        "attribution": "us",
        "audio": list(audio),
    }
    return Repository.model_validate(given | fields)


def serve_from(monkeypatch, file: Path, address: str) -> None:
    """Let git find https://example.org/ at another address, as a user's own settings can; the network is not touched."""
    file.write_text(f'[url "{address}"]\n\tinsteadOf = https://example.org/\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.fspath(file))
