"""The parts of stable-audio-tools in use, imported without its messages and without torch's compiler."""

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

__all__ = ["DiffusionTransformer", "FourierFeatures", "LearnedPositionalEmbedding", "NumberEmbedder", "quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Swallow standard output and warnings: the library prints that flash_attn is missing, and its imports give old deprecation
    warnings."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Keep the library from compiling a kernel for block masks on import: it is not used here and takes 4 s."""
    name = "torch._dynamo"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # an import of it fails
    try:
        yield
    finally:
        del sys.modules[name]


with quiet(), _without_compiler():
    from stable_audio_tools.models.adp import LearnedPositionalEmbedding, NumberEmbedder
    from stable_audio_tools.models.blocks import FourierFeatures
    from stable_audio_tools.models.dit import DiffusionTransformer
