"""Audio files to arrays and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from saga_kedro.audio.files import OTHERS
from saga_kedro.files import atomic_path


class UnreadableAudio(ValueError):
    """The file is missing, is not audio, or is audio that libsndfile cannot decode."""


@dataclass(frozen=True)
class AudioInfo:
    """A file's header: rate in Hz, number of channels, samples per channel, and libsndfile's name of the format."""

    rate: int
    channels: int
    samples: int
    format: str

    @property
    def duration_s(self) -> float:
        return self.samples / self.rate


def audio_info(path: str | Path) -> AudioInfo:
    """Read a file's header only. Errors are `read_audio`'s."""
    try:
        header = soundfile.info(str(path))
    except (OSError, RuntimeError) as error:
        raise UnreadableAudio(unreadable(path, error)) from error
    return AudioInfo(header.samplerate, header.channels, header.frames, header.format)


def read_audio(path: str | Path, start: int = 0, samples: int | None = None) -> tuple[np.ndarray, int]:
    """A range of a file as float32 [channels, samples], integer formats scaled to [-1, 1], and its rate in Hz.

    libsndfile decodes wav, flac, ogg (Vorbis or Opus), mp3, aiff and more; other files are an `UnreadableAudio`. ``start`` and
    ``samples`` count at the file's rate; None is up to its end, where a longer range stops.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            file.seek(min(start, file.frames))
            audio = file.read(-1 if samples is None else samples, dtype="float32", always_2d=True)
            return np.ascontiguousarray(audio.T), file.samplerate
    except (OSError, RuntimeError) as error:
        raise UnreadableAudio(unreadable(path, error)) from error


def write_audio(path: str | Path, audio: np.ndarray, rate: int) -> None:
    """Write a file that is either whole or absent; the same samples give the same bytes.

    A .flac has 16 bits, as published test sets have (values beyond [-1, 1] are clipped): with 24, the bins that a lossy decoder
    leaves empty lie 80 dB lower, and LSD counts them all. A .wav has 32-bit floats. Another suffix, audio that is not
    [channels, samples], and values that are not finite are ValueErrors.
    """
    path = Path(path)
    if audio.ndim != 2:
        raise ValueError(f"{path}: audio must be [channels, samples], not of shape {audio.shape}.")
    if not np.isfinite(audio).all():
        raise ValueError(f"{path}: audio holds values that are not finite; nothing was written.")
    suffix = path.suffix.lower()
    frames = np.ascontiguousarray(audio.T, dtype=np.float32)
    with atomic_path(path) as temporary:
        if suffix == ".flac":
            soundfile.write(str(temporary), frames, rate, format="FLAC", subtype="PCM_16")
        elif suffix == ".wav":
            from scipy.io import wavfile  # reading needs no scipy

            # libsndfile stamps the time of day into the header of a float WAV
            wavfile.write(temporary, rate, frames)
        else:
            raise ValueError(f"{path}: audio is written as .flac or .wav, not as {suffix or 'a file without a suffix'!r}.")


def unreadable(path: str | Path, error: Exception) -> str:
    """The sentence for a file that libsndfile fails to read, and what to do."""
    path = Path(path)
    if not path.exists():
        return f"{path}: there is no such file."
    if path.suffix.lower() in OTHERS:
        new = path.with_suffix(".flac").name
        return f"{path}: libsndfile does not read {path.suffix} files: convert it first, as with `ffmpeg -i {path.name} {new}`."
    reason = str(error).split(": ", 1)[-1].rstrip(".")
    return f"{path}: cannot be read as audio ({reason})."
