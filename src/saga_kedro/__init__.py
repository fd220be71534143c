"""SAGA-SR as a Kedro project: reproduce it, measure it, audit it, use it."""

from saga_kedro.quiet import silence

__version__ = "0.1.0"

silence()
