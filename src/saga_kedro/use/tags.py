"""Tags: title, artist, pictures and the like, carried from any format to any other."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mutagen
import soundfile
from mutagen import id3
from mutagen.flac import FLAC, Picture
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

# Vorbis comment -> ID3 frame; all others go into TXXX frames under their own name.
FRAMES = {
    "title": "TIT2", "artist": "TPE1", "album": "TALB", "albumartist": "TPE2", "date": "TDRC", "genre": "TCON",
    "tracknumber": "TRCK", "discnumber": "TPOS", "composer": "TCOM", "lyricist": "TEXT", "conductor": "TPE3",
    "copyright": "TCOP", "organization": "TPUB", "encoded-by": "TENC", "language": "TLAN", "isrc": "TSRC", "bpm": "TBPM",
    "grouping": "TIT1", "subtitle": "TIT3",
}  # fmt: skip
NAMES = {frame: name for name, frame in FRAMES.items()}
# What libsndfile keeps in a WAV's INFO chunk, which many programs prefer to ID3.
INFO = ("title", "artist", "album", "date", "genre", "copyright", "comment", "tracknumber", "license")


@dataclass
class Tags:
    """Pictures, and texts by Vorbis' names in lower case."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.texts or self.pictures)


def read_tags(path: Path) -> Tags:
    """The tags of a file; none if they are broken."""
    try:
        file = mutagen.File(path)
        found = getattr(file, "tags", None)
        tags = _from_id3(found) if isinstance(found, id3.ID3) else _from_comments(found or (), getattr(file, "pictures", []))
    except Exception:  # a broken tag is no reason to lose the audio, and mutagen meets broken files with any exception
        tags = Tags()
    for name, text in _info(path).items():
        tags.texts.setdefault(name, [text])
    return tags


def write_tags(path: Path, form: str, tags: Tags) -> None:
    """Put tags into a finished wav, flac or ogg. A WAV gets ID3 here, and its INFO chunk (`info_of`) before the audio."""
    if not tags:
        return
    file: Any = {"wav": WAVE, "flac": FLAC, "ogg": OggVorbis}[form](path)
    if file.tags is None:
        file.add_tags()
    if form == "wav":
        for frame in _to_id3(tags):
            file.tags.add(frame)
    else:
        file.tags.update(tags.texts)
    if form == "flac":
        for one in tags.pictures:
            file.add_picture(one)
    if form == "ogg" and tags.pictures:  # by convention the FLAC block in base64
        file.tags["metadata_block_picture"] = [base64.b64encode(one.write()).decode("ascii") for one in tags.pictures]
    file.save()


def info_of(tags: Tags) -> dict[str, str]:
    """What a WAV's INFO chunk can hold: libsndfile's name -> text."""
    return {name: tags.texts[name][0] for name in INFO if tags.texts.get(name)}


def _info(path: Path) -> dict[str, str]:
    try:
        with soundfile.SoundFile(str(path)) as file:
            return {name: str(text) for name, text in file.copy_metadata().items() if text and name in INFO}
    except RuntimeError:
        return {}


def picture(data: bytes, mime: str, kind: int, description: str) -> Picture:
    """A cover or another picture; ``kind`` is ID3's number, 3 for the front cover."""
    made = Picture()
    made.data, made.mime, made.type, made.desc = data, mime, kind, description
    return made


def _from_id3(found: id3.ID3) -> Tags:
    tags = Tags()
    for frame in found.values():
        if frame.FrameID in NAMES:
            tags.texts[NAMES[frame.FrameID]] = [str(text) for text in frame.text]
        elif frame.FrameID == "TXXX":
            tags.texts[frame.desc.lower()] = [str(text) for text in frame.text]
        elif frame.FrameID == "COMM":
            tags.texts.setdefault("comment", []).extend(str(text) for text in frame.text)
        elif frame.FrameID == "USLT":
            tags.texts.setdefault("lyrics", []).append(str(frame.text))
        elif frame.FrameID == "APIC":
            tags.pictures.append(picture(frame.data, frame.mime, int(frame.type), frame.desc))
    return Tags({name: texts for name, texts in tags.texts.items() if name and texts}, tags.pictures)


def _from_comments(comments: Any, pictures: Iterable[Any]) -> Tags:
    tags = Tags(pictures=list(pictures))
    for name, text in comments:
        if name.lower() == "metadata_block_picture":
            tags.pictures.append(Picture(base64.b64decode(text)))
        else:
            tags.texts.setdefault(name.lower(), []).append(str(text))
    return tags


def _to_id3(tags: Tags) -> list[Any]:
    frames: list[Any] = []
    for name, texts in tags.texts.items():
        if name in FRAMES:
            frames.append(getattr(id3, FRAMES[name])(encoding=3, text=texts))
        elif name == "comment":
            frames.append(id3.COMM(encoding=3, lang="XXX", desc="", text=texts))
        elif name == "lyrics":
            frames.append(id3.USLT(encoding=3, lang="XXX", desc="", text="\n".join(texts)))
        else:
            frames.append(id3.TXXX(encoding=3, desc=name, text=texts))
    for number, one in enumerate(tags.pictures):
        # ID3 tells pictures apart by their descriptions
        description = one.desc or (f"{number + 1}" if number else "")
        frames.append(id3.APIC(encoding=3, mime=one.mime, type=one.type, desc=description, data=one.data))
    return frames
