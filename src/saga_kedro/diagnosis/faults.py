"""What is wrong with a person's outputs, by what was measured of them."""

from __future__ import annotations

import pandas as pd

from saga_kedro.audit.as_found.metrics import SHIFT
from saga_kedro.diagnosis.numbers import Cause, Evidence


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
    lsd, decibel, item, batch = (files[name].mean() for name in ("LSD", "LSD in dB", "SI-SDR", "SI-SDR, flattened batch"))
    if evidence.lsd is not None and abs(evidence.lsd - decibel) < min(0.25 * decibel, abs(evidence.lsd - lsd)):
        because = f"these outputs have {lsd:.2f} in log10 of power, the paper's unit, and {decibel:.1f} in dB"
        advice = f"Report {lsd:.2f}: the mean over frames of the root over bins, of log10 of power."
        found.append(Cause(f"your LSD of {evidence.lsd:g} is in dB", because, 0.97, "metric_units", advice))
    if evidence.sdr is not None and abs(evidence.sdr - batch) < min(10, abs(evidence.sdr - item)):
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
