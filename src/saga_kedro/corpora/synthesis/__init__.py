"""Sounds for the demo corpus, made from nothing but a seed.

What they must have in common with recordings is that the band above a low-pass follows from the band below it: harmonics
continue with their slope, noise bursts rise and fall in all bands together, and bright sounds are bright throughout.
"""
