"""How files are super-resolved, and how the command line and the page explain it."""

from dataclasses import dataclass
from typing import Literal

from saga_kedro.model.dials import Dials


@dataclass(frozen=True)
class Settings(Dials):
    """The model's dials, and settings of files."""

    form: str | None = None  # wav, flac or ogg; None is the input's if that is one of them, else flac
    cutoff_hz: float | None = None  # below it the result is the input; None measures it
    rate: int | None = None  # Hz; None: `use.one_file.rate_of`
    level: Literal["lower", "limit", "keep"] = "lower"
    gain_db: float = 0.0


@dataclass(frozen=True)
class Dial:
    """The description of a setting."""

    help: str
    default: str = ""  # what None means
    lowest: float | None = None  # the range that the command line checks
    highest: float | None = None

    def __str__(self) -> str:
        return self.help + "." + (f" Default: {self.default}." if self.default else "")


DIALS = {
    "form": Dial("Format of the results", "the input's, or flac"),
    "cutoff_hz": Dial("Hz up to which the input carries signal", "measured"),
    "rate": Dial(
        "Hz of the results", "the input's if that is higher, else 48000 for 8, 16, 24 and 32 kHz, and 44100 for others"
    ),
    "level": Dial("A result over full scale: lower all of it, limit its peaks, or keep its level, as floats in a wav"),
    "gain_db": Dial("dB by which every result's level changes: the files of an album stay alike"),
    "rolloff": Dial("How bright the result should be, 0 to 1", "what is likely", 0, 1),
    "noise_floor": Dial("How much of the recording's own hiss continues above its cutoff: 0 none, 1 all", "the model's", 0, 1),
    "prompt": Dial("What is to be heard, in words, for a model that was trained with captions"),
    "steps": Dial("Evaluations of the network", "the model's", 1, 1000),
    "s_a": Dial("Acoustic guidance", "the model's"),
    "s_t": Dial("Text guidance", "the model's"),
    "seed": Dial("Names every draw: the same call gives the same result"),
    "fast": Dial("At most four evaluations of the network, without guidance"),
}
