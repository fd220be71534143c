"""Audio in Debian packages: games, samples, lessons. Fetched with apt-get, unpacked without root."""

import re
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from saga_kedro.audio.files import audio_files
from saga_kedro.corpora.folder import category_of, group_of
from saga_kedro.corpora.manifest import Category, Rejected, Source, project_path

# Category of a package's files, and a pattern of their paths whose match is the group: a speaker, a piece, a family of samples,
# a drum kit. The first pattern that matches holds; other files are judged as in any folder.
KNOWN: dict[str, tuple[tuple[Category, str], ...]] = {
    "klettres-data": (("speech", r"/klettres/([^/]+)/"),),
    "ktuberling-data": (("speech", r"/sounds/([^/]+)/"),),
    "tuxpaint-stamps-default": (("speech", r"_desc(?:_([a-z]+))?\.ogg"), ("effects", r"/stamps/([^/]+)/")),
    "wesnoth-1.16-music": (("music", r"/music/([^/.\d-]+)"),),  # battle and battle-epic are variants of one piece
    "supertuxkart-data": (("music", r"/music/([^/.]+)"), ("effects", r"/data/[^/]+/([^/.]+)")),
    "supertux-data": (("music", r"/music/[^/]+/([^/.\d-]+)"), ("effects", r"/sounds/([^/.\d-]+)")),
    "unknown-horizons": (("speech", r"/voice/([^/]+)/"), ("music", r"/music/(?:menu/)?([^/.]+)")),
    "sonic-pi-samples": (("effects", r"/samples/([^/_.]+)"),),
    "hydrogen-drumkits": (("effects", r"/drumkits/([^/]+)/"),),
    "nexuiz-music": (("music", r"/cdtracks/([^/.]+)"),),
    "davegnukem-data": (("music", r"/music/[^/]+/([^/.]+)"),),
    "openclonk-data": (("music", r"/Music\.ocg/@?([^/.]+)"),),
    "neverball-common": (("music", r"/bgm/([^/.]+)"), ("effects", r"/snd/(?:gd/)?([^/.]+)")),
    "freecol": (("music", r"/(?:music/[^/]+|anthem)/([^/.]+)"), ("effects", r"/sound/([^/]+)")),
    "freedroidrpg-data": (("music", r"/(?:music|titles)/([^/.]+)"), ("effects", r"/effects/([^/.\d-]+)")),
    "megaglest-data": (("effects", r"/(water_sounds)/"),),
    "marsshooter-data": (("music", r"/music/([^/.]+)"), ("speech", r"/(announcer)/"), ("effects", r"/audio/([^/]+)")),
}
WORDS = {"sound": "effects", "sounds": "effects", "samples": "effects", "drumkits": "effects"}


def find_debian(folder: str | Path, packages: Sequence[str]) -> tuple[list[Source], list[Rejected]]:
    """Fetch missing packages, each whole or not at all into a sub-folder with its name, and list the audio of all.

    Packages that cannot be fetched are rejected. Raises ValueError if this machine lacks apt-get or dpkg-deb.
    """
    folder = Path(folder)
    missing = [name for name in packages if not (folder / name).is_dir()]
    tools = [tool for tool in ("apt-get", "dpkg-deb") if missing and shutil.which(tool) is None]
    if tools:
        raise ValueError(
            f"The source debian needs {' and '.join(tools)}, which this machine lacks: run it on Debian or Ubuntu, or unpack "
            "packages yourself and ingest them with ingest.source=folder."
        )
    rejected = []
    for name in tqdm(missing, desc="download", unit="package", disable=not missing):
        reason = _fetch(name, folder)
        if reason:
            rejected.append(Rejected(project_path(folder / name), reason))
    found = [name for name in packages if (folder / name).is_dir()]
    return [source for name in found for source in _sources(folder / name, name)], rejected


def _fetch(name: str, folder: Path) -> str:
    """Download and unpack one package; returns why that failed, or nothing."""
    working = folder / f".{name}.unfinished"
    unpacked = working / "unpacked"
    shutil.rmtree(working, ignore_errors=True)  # of a run that was killed
    working.mkdir(parents=True)
    try:
        failed = _run(["apt-get", "download", "-q", name], working)
        archive = next(working.glob("*.deb"), None)
        if failed or archive is None:
            return f"not downloaded: {failed or 'apt-get wrote nothing'} (apt-get update may help)"
        failed = _run(["dpkg-deb", "-x", archive.name, unpacked.name], working) or _unzip(unpacked)
        if failed:
            return f"not unpacked: {failed}"
        unpacked.rename(folder / name)
        return ""
    finally:
        shutil.rmtree(working)


def _unzip(package: Path) -> str:
    """Unpack the zip archives in which games like Quake keep their sounds; returns why that failed, or nothing."""
    for packed in sorted(package.rglob("*.pk3")):
        try:
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(packed.with_suffix(""))
        except zipfile.BadZipFile as error:
            return f"{packed.name}: {error}"
        packed.unlink()
    return ""


def _run(command: list[str], folder: Path) -> str:
    """Run a command in a folder; returns its first error if it failed, or nothing."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")]
    return (errors or lines or [f"{command[0]} ended with {done.returncode}"])[0]


def _sources(package: Path, name: str) -> list[Source]:
    licence = licence_of(package, name)
    sources = []
    for file in audio_files(package, follow_links=False):
        relative = file.relative_to(package)
        known = ((kind, re.search(pattern, relative.as_posix())) for kind, pattern in KNOWN.get(name, ()))
        category, belongs = next(((kind, found) for kind, found in known if found), (None, None))
        if category is None:
            words = [*relative.parts[:-1], *name.split("-")]
            category = category_of(words) or category_of(WORDS.get(word.lower(), word) for word in words) or "other"
        # descriptions of Tux Paint whose names have no language are English
        group = (belongs[1] or "en") if belongs else group_of(relative, category)
        sources.append(Source(file, category, f"{name}/{group}", licence))
    return sources


def licence_of(package: Path, name: str) -> str:
    """All licences in a package's copyright file: it lists source files, and does not say which one became which audio."""
    place = Path("usr/share/doc") / name / "copyright"
    try:
        text = (package / place).read_text(errors="replace")
    except OSError:
        return f"see the package {name}"
    names = re.findall(r"^License:[ \t]*(\S.*?)[ \t]*$", text, flags=re.MULTILINE)
    return ", ".join(dict.fromkeys(names)) or f"see {place.as_posix()}"
