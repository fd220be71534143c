"""A person's outputs beside their references: what they score, how they lie to each other, and what is wrong with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import fft, signal

from saga_kedro.audio import SAMPLE_RATE, metrics
from saga_kedro.audio.bandwidth import CLIPPED, measure_cutoff
from saga_kedro.audio.delay import delay_of
from saga_kedro.audio.files import audio_files
from saga_kedro.audio.io import UnreadableAudio, read_audio
from saga_kedro.audio.resample import resample
from saga_kedro.audit.as_found.metrics import BATCH, SHIFT, flattened_sdr, lsd_in_decibels
from saga_kedro.diagnosis.numbers import Cause, Evidence
from saga_kedro.parallel import parallel_map

SHORTEST = 4_096  # samples that an item must have
FEW = 32  # items up to which no further processes are started
VARIANTS = "LSD variants"
KEPT, BAND = 0.9, 4  # share of a band's power that is the reference's; bins of 21.5 Hz in a band


def measure_outputs(outputs: Path, references: Path, with_variants: bool = False) -> dict[str, Any]:
    """Every output beside the reference of the same name (without suffix); a ValueError if no pair can be measured.

    ``with_variants`` adds `metrics.lsd_variants`, which `of_outputs` needs to name a reported LSD.

    Returns:
        ``files``: table, a line a pair: ``name``, SI-SDR of its flattened batch of four, and what `measure_pair` gives;
        ``without_partner``: paths; ``left_out``: a sentence for each file that cannot be measured.
    """
    ours, theirs, left_out = dict[str, Path](), dict[str, Path](), list[str]()
    for folder, named in ((outputs, ours), (references, theirs)):
        if not folder.is_dir():
            raise ValueError(f"{folder}: there is no such folder.")
        for path in audio_files(folder):
            if named.setdefault(path.stem, path) != path:
                left_out.append(f"{path}: {named[path.stem]} has the same name; this one is left out.")
    alone = [str(path) for one, other in ((ours, theirs), (theirs, ours)) for stem, path in one.items() if stem not in other]
    pairs = [(path, theirs[stem]) for stem, path in ours.items() if stem in theirs]
    if not pairs:
        raise ValueError(f"{outputs}: no output has the name of a reference in {references}: give them the same names.")
    batches = [pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH)]
    workers = 1 if len(pairs) <= FEW else None
    rows = parallel_map(_measure_batch, batches, "scoring outputs, in fours", workers, with_variants=with_variants)
    found = [row for batch in rows for row in batch]
    left_out += [row for row in found if isinstance(row, str)]
    files = pd.DataFrame([row for row in found if not isinstance(row, str)])
    if files.empty:
        raise ValueError(f"No output could be measured; the first: {left_out[0]}")
    return {"files": files, "without_partner": alone, "left_out": left_out}


def _measure_batch(pairs: Sequence[tuple[Path, Path]], with_variants: bool) -> list[dict[str, Any] | str]:
    found: list[dict[str, Any] | str] = []
    references, estimates = list[np.ndarray](), list[np.ndarray]()
    for paths in pairs:
        try:
            (estimate, rate), (reference, reference_rate) = (read_audio(path) for path in paths)
        except UnreadableAudio as error:
            found.append(str(error))
            continue
        facts: dict[str, Any] = {"rate": rate, "reference_rate": reference_rate}
        facts |= {"channels": len(estimate), "reference_channels": len(reference)}
        if len(estimate) != len(reference):
            estimate, reference = (audio.mean(axis=0, keepdims=True) for audio in (estimate, reference))
        estimate, reference = resample(estimate, rate, SAMPLE_RATE), resample(reference, reference_rate, SAMPLE_RATE)
        length = min(estimate.shape[1], reference.shape[1])
        if length < SHORTEST or not (reference.any() and np.isfinite(reference).all()):
            why = f"shorter than {SHORTEST:,} samples" if length < SHORTEST else "its reference is silent or not finite"
            found.append(f"{paths[0]}: {why}: nothing can be measured.")
            continue
        facts["missing"] = reference.shape[1] - estimate.shape[1]
        references.append(reference[:, :length])
        estimates.append(estimate[:, :length])
        if with_variants:
            facts[VARIANTS] = metrics.lsd_variants(references[-1], estimates[-1])
        found.append({"name": paths[0].stem, **facts, **measure_pair(references[-1], estimates[-1])})
    flattened = {"SI-SDR, flattened batch": flattened_sdr(references, estimates)}
    return [row | flattened if isinstance(row, dict) else row for row in found]


def measure_pair(reference: np.ndarray, estimate: np.ndarray) -> dict[str, Any]:
    """Scores of one output, and how it lies to its reference: float [C, N] at 44.1 kHz, the reference not silent.

    Returns:
        Scores by name; ``broken``: share of samples that are not finite; ``clipped``: of those at full scale, less the
        reference's; ``level_db``: over the reference, in the band that both carry; ``delay``: samples, positive if the estimate
        is late; ``related``: whether any delay makes them agree; ``kept_hz``: up to where the estimate is the reference;
        ``cutoff_hz``, ``reference_hz``: up to where each carries signal. NaN where a silent or broken estimate has none.
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
        nothing = ("SI-SDR", "SI-SDR, delay removed", "level_db", "delay", "kept_hz", "cutoff_hz", "reference_hz")
        return row | dict.fromkeys(nothing, np.nan) | {"inverted": False, "related": True}
    size = fft.next_fast_len(len(r) + len(e), real=True)
    spectra = [fft.rfft(audio.astype(np.float64), size) for audio in (r, e)]
    delay, related, inverted = delay_of(r, e)
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


def _kept(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Hz up to which every band that the reference carries is its own, at any level: `KEPT` of it is coherent."""
    options = {"fs": SAMPLE_RATE, "nperseg": min(metrics.N_FFT, len(reference))}
    frequencies, cross = signal.csd(reference, estimate, **options)
    own, other = (signal.welch(audio, **options)[1] for audio in (reference, estimate))
    starts = np.arange(0, len(own), BAND)
    power = np.add.reduceat(own, starts)
    explained = np.add.reduceat(np.abs(cross) ** 2 / (other + 1e-30), starts)
    lost = (explained < KEPT * power) & (power > 1e-7 * power.max())
    return float(frequencies[starts[np.argmax(lost)]]) if lost.any() else SAMPLE_RATE / 2


def of_outputs(files: pd.DataFrame, evidence: Evidence) -> list[Cause]:
    """What is wrong with the ``files`` of `measure_outputs`; the evidence is what was reported of them."""
    level, delay, missing, related = files["level_db"].abs(), files["delay"].fillna(0), files["missing"], files["related"]
    delayed, whole = delay != 0, delay % SHIFT == 0
    # fmt: off
    # which outputs have it, the numbers that {} shows, likelihood, issue, what it is, what to do
    faults: list[tuple[pd.Series, pd.Series, float, str, str, str]] = [
        (files["broken"] > 0, 100 * files["broken"], 0.99, "low_pass", "{} % of the output's samples are NaN or infinite",
         "Look for the first step that gives NaN: float16, an unstable filter, weights that are not finite."),
        (files["silent"], files["silent"], 0.98, "checkpoint_loading", "the output is digital silence (peak 0)",
         "Look for NaN that was made 0 on writing, and whether inference loads the trained weights."),
        (level > 80, files["level_db"], 0.97, "metric_units",
         "the output's level differs by {} dB: it is in int16 scale, or the reference is",
         "Divide by 32,768 before writing and before scoring."),
        ((level > 3) & (level <= 80), files["level_db"], 0.85, "vae_weights",
         "the output's level differs by {} dB from the reference's",
         "Look for another normalisation of input and reference, a latent scale, or a sampler that runs backwards; LSD and "
         "SNR count level, SI-SDR does not."),
        (delayed & whole, delay, 0.96, "metric_units",
         "the output lies {} samples late (negative: early), multiples of 1,858",
         "int(44,100 x 5.94) = 261,954 samples go in, 127 latents of 2,048 come out: cut references alike, score each alone."),
        (delayed & ~whole, delay, 0.9, "metric_units", "the output lies {} samples late (negative: early)",
         "Cut or pad so that both begin together: LSD hardly minds, SI-SDR and SNR forgive no sample."),
        (files["inverted"], files["inverted"], 0.9, "flow_objective", "polarity is inverted (factor -1)",
         "Look for a sign: v = noise - data against data - noise, or a codec's or filter's own; SI-SDR does not see it, SNR "
         "does."),
        (~related & (files["LSD"] >= 1.5), files["SI-SDR"], 0.9, "flow_objective",
         "the output has nothing to do with its reference at any delay (SI-SDR {} dB)",
         "Look at the direction of the sampler, the weights that inference loads, and the codec's."),
        (~related & (files["LSD"] < 1.5), files["LSD"], 0.8, "low_band",
         "the spectrum fits (LSD {}), the waveform does not: phase was made anew, low band too",
         "Put the input's low band back by its cutoff; until then SI-SDR and SNR say nothing."),
        (related & (files["kept_hz"] < 400), files["kept_hz"], 0.8, "low_band",
         "the low band was not kept: output and reference agree up to {} Hz only",
         "Put the input's band back up to its cutoff, not up to 200 Hz."),
        (files["cutoff_hz"] < 0.85 * files["reference_hz"], files["cutoff_hz"], 0.85, "checkpoint_loading",
         "nothing was made above {} Hz, where the input's low-pass may have cut",
         "See whether the file is the input, and whether low-band replacement takes all bands."),
        (files["clipped"] > 0.001, 100 * files["clipped"], 0.7, "metric_units",
         "{} % of the output's samples lie at or beyond full scale", "Lower the level before writing, or write floats."),
        (files["rate"] != files["reference_rate"], files["rate"], 0.6, "metric_units",
         "the output's sample rate is {} Hz, not its reference's",
         "Resample before scoring, as was done here; n_fft and hop mean other things at another rate."),
        (files["channels"] != files["reference_channels"], files["channels"], 0.5, "stereo",
         "the output has {} channels, its reference another number",
         "Both were mixed to mono here; the paper's model is stereo."),
        (missing.abs() > 2, missing, 0.6, "metric_units",
         "the output is {} samples of 44.1 kHz shorter than its reference (negative: longer)",
         "Cut both to the same length; 1,858 is what the failing code's segments lose to whole latents."),
    ]
    # fmt: on
    found = []
    for has, values, likelihood, issue, says, advice in faults:
        names = files["name"][has]
        if len(names):
            because = f"{len(names)} of {len(files)} outputs: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
            found.append(Cause(says.format(_spread(values[has])), because, likelihood, issue, advice))
    item, batch = (files[name].mean() for name in ("SI-SDR", "SI-SDR, flattened batch"))
    if evidence.lsd is not None and (kind := lsd_kind(files, evidence.lsd)):
        lsd, decibel = files["LSD"].mean(), files["LSD in dB"].median()
        because = f"these outputs have {lsd:.2f} in log10 of power, the paper's unit, and {decibel:.1f} in dB"
        advice = f"Report {lsd:.2f}: the mean over frames of the root over bins, of log10 of power (frames 2048/441)."
        likelihood = 0.97 - 0.15 * kind.count(", ")
        found.append(Cause(f"your LSD of {evidence.lsd:g} is {kind}", because, likelihood, "metric_units", advice))
    if evidence.sdr is not None and abs(evidence.sdr - batch) < min(10, abs(evidence.sdr - item)):
        because = (
            f"these outputs have {item:.1f} dB item by item, {batch:.1f} dB flattened and shifted by 1,858 samples an item"
        )
        says, advice = f"your SDR of {evidence.sdr:g} is that of a flattened batch", f"Report {item:.1f}: the mean over items."
        found.append(Cause(says, because, 0.9, "metric_units", advice))
    return found


def lsd_kind(files: pd.DataFrame, value: float) -> str:
    """How a reported LSD was computed, in the words of `metrics.lsd_variants`; empty if as ours, or if nothing fits.

    The fewest differences that come within 1 % win; a single clip of digital silence must not hide them, so means and medians
    count. In dB a quarter is near enough: floors and averages differ there most.
    """

    def distance(values: pd.Series) -> float:
        return min(abs(value / values.agg(how) - 1) for how in ("mean", "median"))

    table = pd.DataFrame(files[VARIANTS].tolist())
    in_decibels = distance(files["LSD in dB"])  # the failing code's, whose mean over frames is inside the root
    if distance(table[""]) < 0.02:
        return ""
    off = [(name.count(", "), distance(table[name]), name) for name in map(str, table)] + [(0, in_decibels, "in dB")]
    fits = sorted(one for one in off if one[1] < 0.01)
    return fits[0][2] if fits else "in dB" if in_decibels < 0.25 else ""


def _spread(values: pd.Series) -> str:
    low, high = float(values.min()), float(values.max())
    shown = [f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}" for value in (low, high)]
    return shown[0] if shown[0] == shown[1] else " to ".join(shown)
