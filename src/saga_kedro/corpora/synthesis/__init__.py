"""Sounds for the demo corpus, made from nothing but a seed.

What they must have in common with recordings is that the band above a low-pass follows from the band below it: harmonics go on
with the slope they have begun, noise bursts rise and fall in all bands at once, and bright sounds are bright throughout.
"""
