"""How to treat a clip, given where its signal ends."""

from dataclasses import dataclass

from saga_kedro.audio import SAMPLE_RATE
from saga_kedro.audio.bandwidth import Bandwidth

CUT_BELOW = 0.9  # of where the input ends: under it the model gets the input low-passed, as in training
LOWEST_CUTOFF_HZ = 1_000.0


@dataclass(frozen=True)
class Treatment:
    """How a clip is super-resolved."""

    cutoff_hz: float | None  # the result keeps the input below it; None: the whole result is the input
    low_pass: bool  # whether to hide from the model what the input carries above the cutoff
    why: str  # half a sentence to show


def treatment(bandwidth: Bandwidth, sample_rate: int = SAMPLE_RATE, asked_hz: float | None = None) -> Treatment:
    """What to do with a clip of that bandwidth, measured at 44.1 kHz, from a file at ``sample_rate`` Hz.

    The user's cutoff ``asked_hz`` overrides the measured one; outside of 1,000 Hz to 22,050 Hz it is a ValueError.
    """
    check_cutoff(asked_hz)
    if bandwidth.ends == "silent":
        return Treatment(None, False, "it is silent")
    reaches = min(bandwidth.cutoff_hz, sample_rate / 2)
    if asked_hz is not None:
        return Treatment(asked_hz, asked_hz < CUT_BELOW * reaches, f"cutoff {_khz(asked_hz)} as asked for")
    if bandwidth.ends == "dark":
        why = f"it carries nothing above {_khz(reaches)}, too little to guess the rest; --cutoff treats it anyway"
        return Treatment(None, False, why)
    if bandwidth.ends == "tones":
        return Treatment(None, False, "it holds single tones, which no low-pass cut; --cutoff treats it anyway")
    if bandwidth.ends == "full" and reaches == SAMPLE_RATE / 2:
        return Treatment(None, False, "it is full-band already; --cutoff treats it anyway")
    if bandwidth.ends == "ragged":
        cutoff = max(LOWEST_CUTOFF_HZ, reaches)
        return Treatment(cutoff, True, f"a ragged edge, as of a lossy codec, at {_khz(cutoff)}")
    return Treatment(reaches, False, f"carries signal up to {_khz(reaches)}")


def check_cutoff(asked_hz: float | None) -> None:
    """Raises ValueError for a cutoff outside of 1,000 Hz to 22,050 Hz."""
    if asked_hz is not None and not LOWEST_CUTOFF_HZ <= asked_hz <= SAMPLE_RATE / 2:
        raise ValueError(f"A cutoff lies between {LOWEST_CUTOFF_HZ:.0f} and {SAMPLE_RATE / 2:.0f} Hz, not at {asked_hz:g} Hz.")


def _khz(hertz: float) -> str:
    return f"{hertz / 1000:.1f} kHz"
