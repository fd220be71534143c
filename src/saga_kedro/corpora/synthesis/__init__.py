"""Sounds for the demo corpus, whose band above a low-pass follows from the one below it, as in recordings.

Each kind is a function of two generators, of the excerpt and of its group, and of a length in samples at 44.1 kHz; it returns
float32 [2, samples].
"""
