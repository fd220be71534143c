"""The demo corpus' sounds, from generators of excerpt and group: float32 [2, samples]. Their upper band follows the lower."""
