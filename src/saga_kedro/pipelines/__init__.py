"""Wiring: one folder a pipeline, thin nodes that call the packages beside this one. Only here is Kedro imported."""
