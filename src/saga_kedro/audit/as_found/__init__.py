"""The failing code's variants of parts, and the fixes that its auditors proposed, registered under other names.

Importing this package registers them. Nothing outside ``audit`` does.
"""

from saga_kedro.audit.as_found import (
    channels,
    codec,
    guidance,
    learning_rate,
    low_band,
    low_pass,
    network,
    objective,
    rolloff,
    sampler,
)

__all__ = [
    "channels",
    "codec",
    "guidance",
    "learning_rate",
    "low_band",
    "low_pass",
    "network",
    "objective",
    "rolloff",
    "sampler",
]
