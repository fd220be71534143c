"""A folder of a person's outputs beside their references: what they score, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import fft, signal

from saga_kedro.audio import SAMPLE_RATE, metrics
from saga_kedro.audio.bandwidth import CLIPPED, measure_cutoff
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.audio.resample import resample
from saga_kedro.audit.as_found.metrics import BATCH, SHIFT, lsd_in_decibels, reported
from saga_kedro.audit.diagnosis.numbers import Cause, Evidence
from saga_kedro.corpora.folder import audio_files
from saga_kedro.parallel import parallel_map

SCORES = ("LSD", "LSD in dB", "SI-SDR", "SI-SDR, delay removed", "SI-SDR, flattened batch", "SNR")
SHORTEST, FEW = 4_096, 32
"""Samples that an item must have; items up to which no further processes are started."""
RELATED, KEPT, BAND = 12.0, 0.9, 4
"""Height of the correlation's peak over its root mean square (unrelated audio stays under 6); share of a band's power that is
the reference's; bins of 21.5 Hz in a band."""


def measure_outputs(outputs: Path, references: Path) -> dict[str, Any]:
    """Every output beside the reference of the same name (without suffix).

    Returns:
        ``files``: table, a line a pair: ``name``, `SCORES` and what `measure_pair` gives; ``without_partner``: paths;
        ``left_out``: a sentence for each file that cannot be measured.

    Raises:
        ValueError: no such folder, no pair, or none that can be measured.
    """
    named, left_out = [], []
    for folder in (outputs, references):
        if not folder.is_dir():
            raise ValueError(f"{folder}: there is no such folder.")
        named.append({})
        for path in audio_files(folder):
            if named[-1].setdefault(path.stem, path) != path:
                left_out.append(f"{path}: {named[-1][path.stem]} has the same name; this one is left out.")
    ours, theirs = named
    alone = [str(path) for one, other in ((ours, theirs), (theirs, ours)) for stem, path in one.items() if stem not in other]
    pairs = [(path, theirs[stem]) for stem, path in ours.items() if stem in theirs]
    if not pairs:
        shown = ", ".join(path.name for files in named for path in list(files.values())[:2]) or "no audio file"
        raise ValueError(
            f"{outputs}: no output has the name of a reference in {references} ({shown}): give them the same names."
        )
    batches = [pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH)]
    rows = parallel_map(_measure_batch, batches, "scoring outputs, in fours", 1 if len(pairs) <= FEW else None)
    found = [row for batch in rows for row in batch]
    left_out += [row for row in found if isinstance(row, str)]
    files = pd.DataFrame([row for row in found if not isinstance(row, str)])
    if files.empty:
        raise ValueError(f"No output could be measured; the first: {left_out[0]}")
    return {"files": files, "without_partner": alone, "left_out": left_out}


def _measure_batch(pairs: Sequence[tuple[Path, Path]]) -> list[dict[str, Any] | str]:
    found: list[dict[str, Any] | str] = []
    batch = []
    for paths in pairs:
        try:
            (estimate, rate), (reference, reference_rate) = (read_audio(path) for path in paths)
        except UnreadableAudio as error:
            found.append(str(error))
            continue
        facts = {
            "rate": rate,
            "reference_rate": reference_rate,
            "channels": len(estimate),
            "reference_channels": len(reference),
        }
        if len(estimate) != len(reference):
            estimate, reference = (audio.mean(axis=0, keepdims=True) for audio in (estimate, reference))
        estimate, reference = resample(estimate, rate, SAMPLE_RATE), resample(reference, reference_rate, SAMPLE_RATE)
        length = min(estimate.shape[1], reference.shape[1])
        if length < SHORTEST or not (reference.any() and np.isfinite(reference).all()):
            why = f"shorter than {SHORTEST:,} samples" if length < SHORTEST else "its reference is silent or not finite"
            found.append(f"{paths[0]}: {why}: nothing can be measured.")
            continue
        facts["missing"] = reference.shape[1] - estimate.shape[1]
        batch.append((reference[:, :length], estimate[:, :length]))
        found.append({"name": paths[0].stem, **facts, **measure_pair(*batch[-1])})
    if batch:
        references, estimates = zip(*batch, strict=True)
        flattened = reported(references, estimates, "decibel", "flattened")["SDR"]
        for row in found:
            if isinstance(row, dict):
                row["SI-SDR, flattened batch"] = flattened
    return found


def measure_pair(reference: np.ndarray, estimate: np.ndarray) -> dict[str, Any]:
    """Scores of one output, and how it lies to its reference.

    Args:
        reference, estimate: float [C, N] at 44.1 kHz; the reference sounds.

    Returns:
        `SCORES` but the batch's; ``broken`` and ``clipped``: shares of samples that are not finite, or at full scale where the
        reference is not; ``silent``; ``level_db``: of the estimate over the reference, in the band that both carry; ``delay`` in
        samples, positive where the estimate is late; ``inverted``; ``related``: whether any delay makes them agree;
        ``kept_hz``: up to where the estimate is the reference, ``cutoff_hz`` and ``reference_hz``: up to where each carries
        signal. What a silent or broken estimate has none of is NaN.
    """
    r, e = reference.mean(axis=0), estimate.mean(axis=0)
    clipped = [float((np.abs(audio) >= CLIPPED).mean()) for audio in (reference, estimate)]
    row: dict[str, Any] = {
        "LSD": metrics.lsd(reference, estimate),
        "LSD in dB": lsd_in_decibels(r, e),
        "SI-SDR": metrics.si_sdr(reference, estimate),
        "SNR": metrics.snr(reference, estimate),
        "broken": float((~np.isfinite(estimate)).mean()),
        "clipped": max(0.0, clipped[1] - clipped[0]),
        "silent": not estimate.any(),
    }
    if row["broken"] or row["silent"]:
        nothing = ("SI-SDR, delay removed", "level_db", "delay", "kept_hz", "cutoff_hz", "reference_hz")
        return row | dict.fromkeys(nothing, np.nan) | {"inverted": False, "related": True}
    size = fft.next_fast_len(len(r) + len(e), real=True)
    spectra = [fft.rfft(audio.astype(np.float64), size) for audio in (r, e)]
    delay, related, inverted = _delay(*spectra, size)
    cutoffs = [measure_cutoff(audio, SAMPLE_RATE) for audio in (reference, estimate)]
    shared = max(1, int(min(cutoffs) / SAMPLE_RATE * size))
    powers = [float((np.abs(spectrum[:shared]) ** 2).sum()) for spectrum in spectra]
    early, late = max(0, -delay), max(0, delay)
    aligned = [reference[:, early : len(r) - late], estimate[:, late : len(e) - early]]
    return row | {
        "SI-SDR, delay removed": metrics.si_sdr(*aligned) if related else row["SI-SDR"],
        "level_db": 10 * np.log10((powers[1] + 1e-20) / (powers[0] + 1e-20)),
        "delay": delay if related else np.nan,
        "inverted": related and inverted,
        "related": related,
        "kept_hz": _kept(*(audio.mean(axis=0) for audio in aligned)) if related else 0.0,
        "cutoff_hz": cutoffs[1],
        "reference_hz": cutoffs[0],
    }


def _delay(reference: np.ndarray, estimate: np.ndarray, size: int) -> tuple[int, bool, bool]:
    """Delay in samples, whether there is one, whether polarity is inverted: the peak of the cross-correlation with phase transform.

    Every bin weighs the same (Knapp and Carter 1976), so that neither tones nor loud low bands give broad peaks.
    """
    cross = estimate * reference.conj()
    size_of = np.abs(cross)
    correlation = fft.irfft(cross / (size_of + 1e-12 * size_of.max()), size)
    peak = int(np.argmax(np.abs(correlation)))
    height = abs(correlation[peak]) / np.sqrt(np.mean(correlation**2))
    return (peak if peak < size // 2 else peak - size), bool(height > RELATED), bool(correlation[peak] < 0)


def _kept(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Hz up to which every band that the reference carries is the reference's own, at any level: coherent for 90 % of its power."""
    options = {"fs": SAMPLE_RATE, "nperseg": min(metrics.N_FFT, len(reference))}
    frequencies, cross = signal.csd(reference, estimate, **options)
    own, other = (signal.welch(audio, **options)[1] for audio in (reference, estimate))
    starts = np.arange(0, len(own), BAND)
    power = np.add.reduceat(own, starts)
    explained = np.add.reduceat(np.abs(cross) ** 2 / (other + 1e-30), starts)
    lost = (explained < KEPT * power) & (power > 1e-7 * power.max())
    return float(frequencies[starts[np.argmax(lost)]]) if lost.any() else SAMPLE_RATE / 2


def of_outputs(files: pd.DataFrame, evidence: Evidence) -> list[Cause]:
    """What is wrong with the outputs, certain things first: the number, the files, what to do.

    Args:
        files: of `measure_outputs`.
        evidence: what was reported of them.
    """
    found: list[Cause] = []

    def say(
        which: pd.Series, says: str, likelihood: float, issue: str, advice: str, column: str = "", scale: float = 1
    ) -> None:
        lines = files[which]
        if len(lines):
            names = ", ".join(lines["name"][:3]) + (", ..." if len(lines) > 3 else "")
            values = "" if not column else _spread(lines[column] * scale)
            found.append(
                Cause(says.format(values), f"{len(lines)} of {len(files)} outputs: {names}", likelihood, issue, advice)
            )

    delay, level = files["delay"].fillna(0), files["level_db"].fillna(0)
    found_shift = (delay != 0) & (delay % SHIFT == 0)
    unrelated, kept = ~files["related"].astype(bool), files["kept_hz"] < 400
    say(
        files["broken"] > 0,
        "{} % of the output's samples are NaN or infinite",
        0.99,
        "low_pass",
        "Look for the first step that gives NaN: float16, an unstable filter, weights that are not finite.",
        "broken",
        100,
    )
    say(
        files["silent"].astype(bool),
        "the output is digital silence (peak 0)",
        0.98,
        "checkpoint_loading",
        "Look for NaN that was made 0 on writing, and whether inference loads the trained weights.",
    )
    say(
        level.abs() > 80,
        "the output's level differs by {} dB: it is in int16 scale, or the reference is",
        0.97,
        "metric_units",
        "Divide by 32,768 before writing and before scoring.",
        "level_db",
    )
    say(
        (level.abs() > 3) & (level.abs() <= 80),
        "the output's level differs by {} dB from the reference's",
        0.85,
        "vae_weights",
        "Look for another normalisation of input and reference, a latent scale, or a sampler that runs backwards; "
        "LSD and SNR count level, SI-SDR does not.",
        "level_db",
    )
    say(
        found_shift,
        "the output lies {} samples late (negative: early), multiples of 1,858",
        0.96,
        "metric_units",
        "int(44,100 x 5.94) = 261,954 samples go in, 127 latents of 2,048 come out: cut references alike, score each item by itself.",
        "delay",
    )
    say(
        (delay != 0) & ~found_shift,
        "the output lies {} samples late (negative: early)",
        0.9,
        "metric_units",
        "Cut or pad so that both begin together: LSD hardly minds, SI-SDR and SNR forgive no sample.",
        "delay",
    )
    say(
        files["inverted"].astype(bool),
        "polarity is inverted (factor -1)",
        0.9,
        "flow_objective",
        "Look for a sign: v = noise - data against data - noise, or a codec's or filter's own; SI-SDR does not see it, SNR does.",
    )
    say(
        unrelated & (files["LSD"] >= 1.5),
        "the output has nothing to do with its reference at any delay (SI-SDR {} dB)",
        0.9,
        "flow_objective",
        "Look at the direction of the sampler, the weights that inference loads, and the codec's.",
        "SI-SDR",
    )
    say(
        unrelated & (files["LSD"] < 1.5),
        "the spectrum fits (LSD {}), the waveform does not: phase was made anew, low band too",
        0.8,
        "low_band",
        "Put the input's low band back by its cutoff; until then SI-SDR and SNR say nothing.",
        "LSD",
    )
    say(
        ~unrelated & kept,
        "the low band was not kept: output and reference agree up to {} Hz only",
        0.8,
        "low_band",
        "Put the input's band back up to its cutoff, not up to 200 Hz.",
        "kept_hz",
    )
    say(
        files["cutoff_hz"] < 0.85 * files["reference_hz"],
        "nothing was made above {} Hz, where the input's low-pass may have cut",
        0.85,
        "checkpoint_loading",
        "See whether the file is the input, and whether low-band replacement takes all bands.",
        "cutoff_hz",
    )
    say(
        files["clipped"] > 1e-3,
        "{} % of the output's samples lie at or beyond full scale",
        0.7,
        "metric_units",
        "Lower the level before writing, or write floats.",
        "clipped",
        100,
    )
    say(
        files["rate"] != files["reference_rate"],
        "the output's sample rate is {} Hz, not its reference's",
        0.6,
        "metric_units",
        "Resample before scoring, as was done here; n_fft and hop mean other things at another rate.",
        "rate",
    )
    say(
        files["channels"] != files["reference_channels"],
        "the output has {} channels, its reference another number",
        0.5,
        "stereo",
        "Both were mixed to mono here; the paper's model is stereo.",
        "channels",
    )
    say(
        files["missing"].abs() > 2,
        "the output is {} samples of 44.1 kHz shorter than its reference (negative: longer)",
        0.6,
        "metric_units",
        "Cut both to the same length; 1,858 is what the failing code's segments lose to whole latents.",
        "missing",
    )
    lsd, decibel, item, batch = (files[name].mean() for name in ("LSD", "LSD in dB", "SI-SDR", "SI-SDR, flattened batch"))
    if evidence.lsd is not None and abs(evidence.lsd - decibel) < abs(evidence.lsd - lsd):
        because = f"these outputs have {lsd:.2f} in log10 of power, the paper's unit, and {decibel:.1f} in dB"
        advice = f"Report {lsd:.2f}: the mean over frames of the root over bins, of log10 of power."
        found.append(Cause(f"your LSD of {evidence.lsd:g} is in dB", because, 0.97, "metric_units", advice))
    if evidence.sdr is not None and abs(evidence.sdr - batch) < abs(evidence.sdr - item):
        because = (
            f"these outputs have {item:.1f} dB item by item, {batch:.1f} dB flattened and shifted by 1,858 samples an item"
        )
        says, advice = f"your SDR of {evidence.sdr:g} is that of a flattened batch", f"Report {item:.1f}: the mean over items."
        found.append(Cause(says, because, 0.9, "metric_units", advice))
    return found


def _spread(values: pd.Series) -> str:
    low, high = float(values.min()), float(values.max())
    shown = [f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}" for value in (low, high)]
    return shown[0] if shown[0] == shown[1] else " to ".join(shown)
