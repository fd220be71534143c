"""Wiring: a folder for each pipeline, and what surrounds every run. Only here is Kedro imported."""
