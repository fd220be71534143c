"""Published corpora as their publishers lay them out: a function for each, with a drawing of its layout.

Each lists the sources in a folder, and raises ValueError with one sentence where the layout is another.
"""

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from saga_kedro.audio.files import audio_files
from saga_kedro.corpora.folder import group_of
from saga_kedro.corpora.manifest import OfficialSplit, Source


def find_esc50(path: str | Path) -> list[Source]:
    """ESC-50 (github.com/karolpiczak/ESC-50): 2,000 environmental sounds of 5 s, 44.1 kHz mono, in five folds.

        audio/<fold>-<freesound clip>-<take>-<target>.wav
        meta/esc50.csv            filename,fold,target,category,esc10,src_file,take

    The group is the original recording on Freesound. Fold 5 is the test split (P). The classes of ESC-10 have a freer licence.
    """
    root = _root_of(path, "meta/esc50.csv", "ESC-50")
    sources = []
    for row in pd.read_csv(root / "meta/esc50.csv", dtype=str).sort_values("filename").to_dict("records"):
        licence = "CC-BY-3.0" if row["esc10"] == "True" else "CC-BY-NC-3.0"
        split: OfficialSplit = "test" if row["fold"] == "5" else "train"
        sources.append(Source(root / "audio" / row["filename"], "effects", f"esc50/{row['src_file']}", licence, split))
    return sources


def find_fma_small(path: str | Path) -> list[Source]:
    """FMA-small (github.com/mdeff/fma): 8,000 excerpts of 30 s of 8 genres, MP3.

        fma_small/000/000002.mp3
        fma_metadata/tracks.csv    in ``path``, or beside it or the audio

    The group is the artist; tracks.csv has the official split and each track's licence.
    """
    root = _root_of(path, "[0-9][0-9][0-9]/*.mp3", "FMA-small")
    places = [folder / "fma_metadata" / "tracks.csv" for folder in (root, root.absolute().parent, Path(path).absolute().parent)]
    metadata = next((place for place in places if place.is_file()), None)
    if metadata is None:
        raise ValueError(f"FMA-small in {root} lacks fma_metadata/tracks.csv: artists, licences and the test split.")
    header = pd.read_csv(metadata, header=[0, 1], nrows=0).columns.tolist()
    columns = [0, *map(header.index, [("artist", "id"), ("set", "split"), ("track", "license")])]
    table = pd.read_csv(metadata, header=None, skiprows=3, usecols=columns, dtype=str, keep_default_na=False)
    about = {int(track): rest for track, *rest in table[columns].itertuples(index=False)}
    sources = []
    for file in sorted(root.glob("[0-9][0-9][0-9]/*.mp3")):
        artist, split, licence = about.get(int(file.stem), (f"unknown-{file.stem}", "", ""))
        sources.append(Source(file, "music", f"fma/{artist}", licence, "test" if split == "test" else "train"))
    return sources


FSD50K: dict[str, OfficialSplit] = {"FSD50K.dev_audio": "train", "FSD50K.eval_audio": "test"}


def find_freesound(path: str | Path) -> list[Source]:
    """Sounds of freesound.org: FSD50K (zenodo.org/records/4060432), LAION-Audio-630K and downloads; any of them together.

        FSD50K.{dev,eval}_audio/<sound>.wav
        FSD50K.metadata/{dev,eval}_clips_info_FSD50K.json
        <any folders>/<sound>.flac, <sound>.json        "username" and "license", at the top or in "original_data"
        <any folders>/<sound>__<username>__<title>.wav

    The group is the uploader if known, else the sound. FSD50K's evaluation set is the official test split.
    """
    files = audio_files(path)
    if not files:
        raise ValueError(f"{path} holds no audio: give the folder that holds the sounds of Freesound (ingest.path).")
    described = {folder: _fsd50k(folder) for folder in {file.parent for file in files} if folder.name in FSD50K}
    return [_sound(file, described.get(file.parent)) for file in files]


def _sound(file: Path, described: dict[str, Any] | None) -> Source:
    about = _beside(file) if described is None else described.get(file.stem, {})
    named = file.stem.split("__", 2)
    recordist = about.get("username") or about.get("uploader") or (named[1] if len(named) > 1 else f"unknown/{file.stem}")
    split = FSD50K.get(file.parent.name, "")
    return Source(file, "effects", f"freesound/{recordist}", str(about.get("license") or ""), split)


def _fsd50k(audio: Path) -> dict[str, Any]:
    """FSD50K's description of each sound in a folder of audio, by the sound's number."""
    part = audio.name.removeprefix("FSD50K.").removesuffix("_audio")
    index = audio.parent / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json"
    if not index.is_file():
        raise ValueError(f"FSD50K in {audio.parent} lacks {index.relative_to(audio.parent)}: recordists and licences.")
    return json.loads(index.read_text())


def _beside(file: Path) -> dict[str, Any]:
    description = file.with_suffix(".json")
    if not description.is_file():
        return {}
    about = json.loads(description.read_text())
    original = about.get("original_data")
    return about | (original if isinstance(original, dict) else {})


def find_medleydb(path: str | Path) -> list[Source]:
    """MedleyDB V1 and V2 (medleydb.weebly.com): 196 multitracks, 44.1 kHz stereo.

        [V1|V2|Audio/]<Artist>_<Title>/<Artist>_<Title>_MIX.wav
                                       <Artist>_<Title>_STEMS/*.wav, <Artist>_<Title>_RAW/*.wav

    Only mixes are taken. The group is the artist, as in MedleyDB's artist-conditional splits.
    """
    mixes = sorted(mix for mix in Path(path).rglob("*_MIX.wav") if mix.name == f"{mix.parent.name}_MIX.wav")
    if not mixes:
        raise ValueError(f"{path} is not laid out as MedleyDB: no <Artist>_<Title>/<Artist>_<Title>_MIX.wav (ingest.path).")
    return [Source(mix, "music", f"medleydb/{mix.parent.name.split('_')[0]}", "CC-BY-NC-SA-4.0") for mix in mixes]


def find_moisesdb(path: str | Path) -> list[Source]:
    """MoisesDB (github.com/moises-ai/moises-db): 240 songs by 47 artists as multitracks, 44.1 kHz stereo.

        moisesdb_v0.1/<song's uuid>/data.json
                                    <stem>/<track's uuid>.wav

    There are no mixes, so every track is taken. The group is the artist.
    """
    songs = sorted(Path(path).rglob("data.json"))
    if not songs:
        raise ValueError(f"{path} is not laid out as MoisesDB: it holds no <song>/data.json (ingest.path).")
    sources = []
    for song in songs:
        described = json.loads(song.read_text())
        group = f"moisesdb/{described.get('artist') or song.parent.name}"
        for stem in described["stems"]:
            files = (f"{track['id']}.{track.get('extension') or 'wav'}" for track in stem["tracks"])
            sources += [Source(song.parent / stem["stemName"] / file, "music", group, "CC-BY-NC-SA-4.0") for file in files]
    return sources


def find_musdb18_hq(path: str | Path) -> list[Source]:
    """MUSDB18-HQ (zenodo.org/records/3338373): 150 songs, 50 of them the official test set; 44.1 kHz stereo.

        {train,test}/<artist> - <song>/{mixture,drums,bass,other,vocals}.wav

    Only mixes are taken. The group is the song: some artists are in both official splits.
    """
    root = _root_of(path, "*/*/mixture.wav", "MUSDB18-HQ")
    licence = "academic use only; parts are CC-BY-NC-SA"
    return [
        Source(mix, "music", f"musdb18_hq/{mix.parent.name}", licence, "test" if split == "test" else "train")
        for split in ("test", "train")
        for mix in sorted(root.glob(f"{split}/*/mixture.wav"))
    ]


SUBSET = re.compile(r"(?P<split>train|dev|test)-[^/]+/(?P<speaker>\d+)/\d+/[^/]+$")
FLAT = re.compile(r"(?P<speaker>[a-z]{2,4}_\d+)_\d+$")


def find_openslr(path: str | Path) -> list[Source]:
    """Speech corpora of openslr.org: LibriTTS (SLR60, 141) and Google's (SLR32, 41 to 44, 61 to 66, 69 to 80, 83); or both.

        LibriTTS/{train,dev,test}-.../<speaker>/<chapter>/<speaker>_<chapter>_<paragraph>_<sentence>.wav
        es_pe_female/pef_00610_00017485.wav       <language and gender>_<speaker>_<sentence>

    The group is the speaker: all corpora made of LibriVox share its numbers. Other files are grouped by their folder or the
    beginning of their name. The subsets ``test-...`` are the official test split.
    """
    root = Path(path)
    files = audio_files(root)
    if not files:
        raise ValueError(f"{root} holds no audio: give the folder that OpenSLR's archives were unpacked in (ingest.path).")
    return [_recording(root, file) for file in files]


def _recording(root: Path, file: Path) -> Source:
    # the root may be a subset itself
    relative = file.relative_to(root).as_posix()
    subset = SUBSET.search(f"{root.absolute().name}/{relative}")
    if subset is not None:
        split: OfficialSplit = "test" if subset["split"] == "test" else "train"
        return Source(file, "speech", f"openslr/{subset['speaker']}", "CC-BY-4.0", split)
    flat = FLAT.match(file.stem)
    if flat is not None:
        return Source(file, "speech", f"openslr/{flat['speaker']}", "CC-BY-SA-4.0")
    return Source(file, "speech", f"openslr/{group_of(file.relative_to(root), 'speech')}", "see openslr.org")


TEST_SPEAKERS = frozenset({"p360", "p361", "p362", "p363", "p364", "p374", "p376", "s5"})
"""VCTK's publishers name none; these eight are what bandwidth extension tests on (NU-Wave 2, ssr_eval, AudioSR)."""


def find_vctk(path: str | Path) -> list[Source]:
    """CSTR VCTK 0.92 (datashare.ed.ac.uk/handle/10283/3443): 110 English speakers, 48 kHz mono, two microphones.

        wav48_silence_trimmed/<speaker>/<speaker>_<sentence>_mic{1,2}.flac

    The group is the speaker. Only the first microphone is taken: both recorded the same sentences.
    """
    root = _root_of(path, "wav48_silence_trimmed/*/*_mic1.flac", "VCTK 0.92")
    return [
        Source(file, "speech", f"vctk/{who}", "CC-BY-4.0", "test" if who in TEST_SPEAKERS else "train")
        for file in sorted(root.glob("wav48_silence_trimmed/*/*_mic1.flac"))
        for who in [file.parent.name]
    ]


def _root_of(folder: str | Path, marker: str, corpus: str) -> Path:
    """The folder, or one directly below it, that has something that matches the glob pattern ``marker``."""
    folder = Path(folder)
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    for root in (folder, *below):
        if next(root.glob(marker), None) is not None:
            return root
    raise ValueError(f"{folder} is not laid out as {corpus}: no {marker} in it or one folder below (ingest.path).")


LAYOUTS: dict[str, Callable[[str | Path], list[Source]]] = {
    "freesound": find_freesound,
    "medleydb": find_medleydb,
    "musdb18_hq": find_musdb18_hq,
    "moisesdb": find_moisesdb,
    "openslr": find_openslr,
    "vctk": find_vctk,
    "fma_small": find_fma_small,
    "esc50": find_esc50,
}


def find_collection(path: str | Path) -> list[Source]:
    """Several corpora in one folder, each in a sub-folder with the name of its layout: what the paper trains on."""
    folders = sorted(folder for folder in Path(path).iterdir() if folder.is_dir() and not folder.name.startswith("."))
    if not folders:
        raise ValueError(f"{path} holds no corpora: give a folder with sub-folders named {', '.join(LAYOUTS)} (ingest.path).")
    for folder in folders:
        if folder.name not in LAYOUTS:
            near = get_close_matches(folder.name, LAYOUTS, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(LAYOUTS)}."
            raise ValueError(f"{folder} is no layout of a corpus: {hint}")
    return [source for folder in folders for source in LAYOUTS[folder.name](folder)]
