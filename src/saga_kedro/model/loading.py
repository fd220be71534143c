"""Load a model with whatever can compute it here."""

from importlib.util import find_spec
from pathlib import Path

from saga_kedro.model import saved
from saga_kedro.model.saved import GRAPH
from saga_kedro.model.super_resolver import SuperResolver


def load_model(folder: str | Path | None = None, device: str = "cpu") -> SuperResolver:
    """The model in ``folder`` (None: the bundled one) in ONNX Runtime where that can compute it, else in PyTorch.

    ``device`` is cpu; cuda, coreml or dml as ONNX Runtime offers them; or any name that PyTorch knows (cuda:1, mps). Where
    nothing here computes on it, it is a ValueError; other errors are `read_config`'s.
    """
    has_graph = (Path(folder or saved.SHIPPED) / GRAPH).is_file()
    reason = ""
    if not find_spec("onnxruntime"):
        reason = "ONNX Runtime is not installed (`pip install onnxruntime`)"
    elif has_graph:
        from saga_kedro.model.onnx_model import OnnxSagaSR, devices

        if device in devices():
            return OnnxSagaSR(folder, device)
        reason = f"ONNX Runtime computes on {', '.join(devices())} here"
    else:
        reason = f"there is no {GRAPH} in {folder or saved.SHIPPED}"
    if not find_spec("torch"):
        raise ValueError(
            f"--device {device} cannot be used: {reason}, and PyTorch is not installed (`make train` installs it)."
        )
    import torch

    from saga_kedro.model.saga_sr import SagaSR

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"--device {device} cannot be used here ({said}): try --device cpu.") from error
    return SagaSR.from_pretrained(folder, device)
