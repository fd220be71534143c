"""Sounds for the demo corpus, made from nothing but a seed.

What they must have in common with recordings is that the band above a low-pass follows from the band below it: harmonics
continue with their slope, noise bursts rise and fall in all bands together, and bright sounds are bright throughout.

Each kind of sound is a function of two generators, of the excerpt and of what excerpts of one group share, and of a length in
samples at 44.1 kHz; it returns float32 [2, samples].
"""
