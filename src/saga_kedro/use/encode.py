"""A result on disk becomes a file of a format, with its tags: whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from saga_kedro.audio.full_scale import as_24_bit
from saga_kedro.use.spool import Spool
from saga_kedro.use.tags import Tags, info_of, write_tags

FLOAT_SUBTYPES = ("FLOAT", "DOUBLE")
RIFF_BYTES = 4_000_000_000  # a WAV's header counts to 4 GiB
FLAC_EFFORT = 0.25  # of what libsndfile can do: 3 % more bytes than by default, in two thirds of the time
HIGHEST_RATE = {"flac": 655_350, "ogg": 200_000, "wav": 1_000_000}


def subtype_for(form: str, source_subtype: str) -> str:
    """How samples are stored: floats in a WAV where they came as floats, else 24 bit; Vorbis in an Ogg."""
    if form == "ogg":
        return "VORBIS"
    return "FLOAT" if form == "wav" and source_subtype in FLOAT_SUBTYPES else "PCM_24"


def write(path: Path, form: str, subtype: str, rate: int, spool: Spool, gain: float, tags: Tags) -> None:
    """Encode a spool, multiplied by ``gain``, as a wav, flac or ogg. ValueError is raised for a rate that this cannot hold."""
    if rate > HIGHEST_RATE[form]:
        raise ValueError(f"{form} holds at most {HIGHEST_RATE[form]} Hz and this is {rate} Hz: ask for --format wav.")
    size = spool.samples * spool.channels * 4
    container = ("RF64" if size > RIFF_BYTES else "WAV") if form == "wav" else form.upper()
    effort = FLAC_EFFORT if container == "FLAC" else None
    with soundfile.SoundFile(str(path), "w", rate, spool.channels, subtype, format=container, compression_level=effort) as file:
        if container == "WAV":
            for name, text in info_of(tags).items():
                setattr(file, name, text)
        for part in spool.parts():
            scaled = part * np.float32(gain)
            file.write((scaled if subtype in ("FLOAT", "VORBIS") else as_24_bit(scaled)).T)
    if container != "RF64":
        write_tags(path, form, tags)
