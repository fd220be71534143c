"""Sounds for the demo corpus. As in recordings, the band above a low-pass follows from the band below it: harmonics continue
with their slope, noise bursts rise and fall in all bands together, and bright sounds are bright throughout.

Each kind is a function of two generators, of the excerpt and of what its group shares, and of a length in samples at 44.1 kHz;
it returns float32 [2, samples].
"""
