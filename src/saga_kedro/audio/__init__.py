"""Ground floor: arrays in, arrays out. Nothing here knows of Kedro or of the model.

Audio is NumPy float32 [channels, samples] in [-1, 1], at 44,100 Hz inside the project.
"""

SAMPLE_RATE = 44_100
"""Hz; the rate of everything after `resample` (P, section 4.1)."""

FULL_BAND_HZ = 17_000.0
"""From here on a clip counts as full-band: training draws low-passes up to 16 kHz, so above their reach nothing was learned."""
