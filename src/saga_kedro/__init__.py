"""SAGA-SR as a Kedro project: reproduce it, measure it, audit it, use it.

Docstrings and comments name their sources by a letter: P the paper (arXiv 2509.24924), C its authors' published code, T
stable-audio-tools 0.0.19; in the audit also F, the failing code, and S1 and S2, the two documents that look for its defects.
"""

from typing import Any

from saga_kedro.quiet import silence

__version__ = "0.1.0"

silence()


def __getattr__(name: str) -> Any:
    """`super_resolve` is imported when it is asked for: it needs NumPy and ONNX Runtime, and this module needs nothing."""
    if name == "super_resolve":
        from saga_kedro.use.in_python import super_resolve

        return super_resolve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
