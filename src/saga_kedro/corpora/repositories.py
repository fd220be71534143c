"""Audio of git repositories: voices, instruments, sound packs. Each at one commit, whose licence someone has read."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from saga_kedro.audio.files import READABLE, audio_files
from saga_kedro.corpora.manifest import Rejected, Source, project_path
from saga_kedro.parameters import Repository

FETCHED = ".fetched.json"  # in a repository's folder: its configuration when it was fetched, and the files that a clone lacked

# Git never asks for a password, runs no hook or filter (Git LFS is one), and gives up a transfer that stalls for a minute.
SETTINGS = ["credential.helper=", "core.autocrlf=false"]
SETTINGS += [f"core.hooksPath={os.devnull}", f"core.attributesFile={os.devnull}"]
ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "LC_ALL": "C"}
ENVIRONMENT |= {"GIT_HTTP_LOW_SPEED_LIMIT": "1000", "GIT_HTTP_LOW_SPEED_TIME": "60"}


class NotFetched(Exception):
    """Why a repository could not be fetched, in a sentence."""


def find_repositories(
    folder: str | Path, repositories: Sequence[Repository], clones: str | Path | None = None
) -> tuple[list[Source], list[Rejected]]:
    """Fetch missing repositories, each whole or not at all into a sub-folder <owner>+<name>, and list the audio of all.

    Groups are ``<owner>/<name>/<group>`` (``all`` without one). Repositories, folders and files that are missing are rejected.
    ``clones`` is a folder of clones to read instead of the network: <owner>+<name>, <owner>/<name> or <name>, perhaps with
    ``repo`` below, bare or not, complete or not. Raises ValueError if git is needed and missing, or ``clones`` is no folder.
    """
    folder = Path(folder)
    missing = [one for one in repositories if _fetched(one, folder) is None]
    if missing and shutil.which("git") is None:
        raise ValueError(
            "The source git needs git, which this machine lacks: install it, or ingest a folder with ingest.source=folder."
        )
    if missing and clones is not None and not Path(clones).is_dir():
        raise ValueError(f"ingest.clones={clones} is not a folder: give one that holds clones, or null to fetch repositories.")
    sources, rejected = [], []
    for one in tqdm(missing, desc="fetch", unit="repository", disable=not missing):
        try:
            _fetch(one, folder, clones)
        except NotFetched as reason:
            rejected.append(Rejected(project_path(_place(one, folder)), f"not fetched: {reason}"))
    for one in repositories:
        lacking = _fetched(one, folder)
        if lacking is not None:
            found, refused = _listed(one, _place(one, folder), lacking)
            sources += found
            rejected += refused
    return sources, rejected


def _place(one: Repository, folder: Path) -> Path:
    return folder / one.name.replace("/", "+")


def _wanted(one: Repository) -> dict[str, Any]:
    """What a repository's folder depends on: if any of it changes, it is fetched again."""
    chosen = {"folders": [part.folder for part in one.audio], "exclude": one.exclude}
    return {"commit": one.commit, "licence": [one.licence_file, one.licence_sha256], **chosen}


def _fetched(one: Repository, folder: Path) -> list[str] | None:
    """The files that the clone lacked; None if the repository has yet to be fetched."""
    try:
        record = json.loads((_place(one, folder) / FETCHED).read_text())
    except FileNotFoundError:
        return None
    return record["lacking"] if record["wanted"] == _wanted(one) else None


def _fetch(one: Repository, folder: Path, clones: str | Path | None) -> None:
    place = _place(one, folder)
    working = folder / f".{place.name}.unfinished"
    store, tree = working / "git", working / "tree"
    shutil.rmtree(working, ignore_errors=True)  # of a run that was killed
    tree.mkdir(parents=True)
    try:
        _git(store, "init", "--quiet", "--bare", "--template=")
        if clones is None:
            _download(one, store)
        else:
            _borrow(one, store, Path(clones))
        _check_licence(one, store, tree)
        files = _files(one, store)
        lacking = _lacking(store, files) if clones is not None else []
        _check_out(store, tree, {path: blob for path, blob in files.items() if path not in lacking})
        (tree / FETCHED).write_text(json.dumps({"wanted": _wanted(one), "lacking": lacking}))
        shutil.rmtree(place, ignore_errors=True)  # of another commit
        tree.rename(place)
    finally:
        shutil.rmtree(working)


def _download(one: Repository, store: Path) -> None:
    """The commit without its history and, if the server can, without its files: the needed ones follow."""
    _git(store, "remote", "add", "origin", one.address)
    try:
        _git(store, "fetch", "--quiet", "--depth=1", "--no-tags", "--filter=blob:none", "origin", one.commit)
    except NotFetched as reason:
        if "not our ref" in str(reason) or "couldn't find remote ref" in str(reason):
            raise NotFetched(f"{one.address} has no commit {one.commit}") from None
        raise


def _borrow(one: Repository, store: Path, clones: Path) -> None:
    """Use a clone's objects in place: nothing is copied, and missing ones are not asked for."""
    names = (one.name.replace("/", "+"), one.name, one.name.split("/")[1])
    below = (clones / name / repo / git for name in names for repo in ("", "repo") for git in ("", ".git"))
    clone = next((path for path in below if (path / "objects").is_dir() and (path / "HEAD").is_file()), None)
    if clone is None:
        raise NotFetched(f"{clones} holds no clone of {one.name} (ingest.clones)")
    (store / "objects/info").mkdir(exist_ok=True)
    (store / "objects/info/alternates").write_text(f"{(clone / 'objects').absolute()}\n")
    try:
        _git(store, "cat-file", "-e", f"{one.commit}^{{commit}}")
    except NotFetched:
        raise NotFetched(f"the clone of {one.name} in {clones} has no commit {one.commit}") from None


def _check_licence(one: Repository, store: Path, tree: Path) -> None:
    """Copy the licence beside the audio, if it is the one that someone has read."""
    try:
        licence = _git(store, "cat-file", "blob", f"{one.commit}:{one.licence_file}")
    except NotFetched:
        raise NotFetched(f"it has no licence file {one.licence_file} at commit {one.commit[:10]}") from None
    if hashlib.sha256(licence).hexdigest() != one.licence_sha256:
        raise NotFetched(
            f"its licence file {one.licence_file} is not the one that was read: read it, and set licence and licence_sha256"
        )
    (tree / one.licence_file).parent.mkdir(parents=True, exist_ok=True)
    (tree / one.licence_file).write_bytes(licence)


def _files(one: Repository, store: Path) -> dict[str, str]:
    """Path -> blob of the needed audio files, without links."""
    files = {}
    for line in _git(store, "ls-tree", "-r", "-z", one.commit).decode(errors="surrogateescape").split("\0")[:-1]:
        (mode, _, blob), path = line.split("\t")[0].split(), line.split("\t", 1)[1]
        audio = mode.startswith("100") and PurePosixPath(path).suffix.lower() in READABLE
        wanted = any(part.folder == "." or path.startswith(f"{part.folder}/") for part in one.audio)
        if audio and wanted and not (one.exclude and re.search(one.exclude, path)):
            files[path] = blob
    if not files:
        raise NotFetched(f"it has no audio in {one.audio[0].folder} at commit {one.commit[:10]}")
    return files


def _lacking(store: Path, files: dict[str, str]) -> list[str]:
    """The files whose content an incomplete clone lacks."""
    said = _git(store, "cat-file", "--batch-check", given="".join(f"{blob}\n" for blob in files.values()))
    return [path for path, line in zip(files, said.decode().splitlines(), strict=True) if line.endswith(" missing")]


def _check_out(store: Path, tree: Path, files: dict[str, str]) -> None:
    """Write files through a tree with nothing else in it: git then asks the server for all contents in one request."""
    entries = "".join(f"100644 {blob}\t{path}\0" for path, blob in files.items())
    _git(store, "update-index", "-z", "--index-info", given=entries)
    chosen = _git(store, "write-tree", "--missing-ok").decode().strip()
    (store / "index").unlink()
    _git(store, f"--work-tree={tree.absolute()}", "read-tree", "--reset", "-u", chosen)


def _git(store: Path, *arguments: str, given: str = "") -> bytes:
    """The output of a git command on our git directory."""
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    done = subprocess.run(
        ["git", f"--git-dir={store.absolute()}", *settings, *arguments],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        check=False,
        input=given.encode(errors="surrogateescape"),
    )
    if done.returncode == 0:
        return done.stdout
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("fatal: ")] + lines
    raise NotFetched((errors or [f"git {arguments[0]} ended with {done.returncode}"])[0].removeprefix("fatal: "))


def _listed(one: Repository, place: Path, lacking: list[str]) -> tuple[list[Source], list[Rejected]]:
    sources: dict[Path, Source] = {}  # of two folders that hold a file the first counts
    rejected = []
    for part in one.audio:
        folder = place / part.folder
        if not folder.is_dir():
            rejected.append(Rejected(project_path(folder), f"{one.name} has no audio there at commit {one.commit[:10]}"))
            continue
        for file in audio_files(folder, follow_links=False):
            found = re.search(part.group, file.relative_to(place).as_posix()) if part.group else None
            group = f"{one.name}/{found[1] if found and found[1] else 'all'}"
            sources.setdefault(file, Source(file, part.category, group, one.licence))
    reason = f"the clone lacks it: remove {place.name} to fetch {one.name} from elsewhere"
    return list(sources.values()), rejected + [Rejected(project_path(place / path), reason) for path in lacking]
