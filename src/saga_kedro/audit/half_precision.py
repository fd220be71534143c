"""The third symptom shown: the failing configuration trained in 16 bits, its gradient norms logged where it logs them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from tqdm import tqdm

from saga_kedro.audit.configurations import changed, trains_as
from saga_kedro.audit.data import AuditData
from saga_kedro.audit.loss_scale import FIRST_SCALE, GROWTH_INTERVAL
from saga_kedro.audit.records import Records, code_version
from saga_kedro.audit.symptoms import hump, norms
from saga_kedro.audit.training import give_empty_caption
from saga_kedro.draws import seed_of
from saga_kedro.files import parameter_hash
from saga_kedro.model.saga_sr import build_model
from saga_kedro.parameters import validate
from saga_kedro.training.fit import make_segments
from saga_kedro.training.flow_training import FlowTraining
from saga_kedro.training.segments import collate

ACCUMULATED, BATCH = 16, 4  # micro-batches a step, segments in each
SMALL = {"model.segment_samples": 32_768, "model.backbone.embed_dim": 128, "model.backbone.depth": 2, "fit.batch_size": BATCH}
WIDE = (
    "aten.mm.default",
    "aten.addmm.default",
    "aten.bmm.default",
    "aten.convolution.default",
    "aten.convolution_backward.default",
)
"""Products of float16 that are summed in float32 and rounded again, as a GPU's tensor cores do: four times faster here."""
SETTINGS = {"as found": GROWTH_INTERVAL}
"""Good steps until the scale doubles; a second setting is a second curve."""


class InHalf(TorchDispatchMode):
    """Runs `WIDE` and what has no float16 kernel here in float32, between float16 inputs and results.

    ``stayed`` has the names of these operations, ``ran`` those of what did run on float16.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ran: set[str] = set()
        self.stayed: set[str] = set(WIDE)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs, half = kwargs or {}, []
        tree_map_only(Tensor, lambda x: half.append(x) if x.dtype == torch.float16 else None, (args, kwargs))
        if not half:
            return func(*args, **kwargs)
        if str(func) not in self.stayed:
            try:
                result = func(*args, **kwargs)
            except (RuntimeError, NotImplementedError) as error:
                if "Half" not in str(error):
                    raise
                self.stayed.add(str(func))
            else:
                self.ran.add(str(func))
                return result
        wide = tree_map_only(Tensor, lambda x: x.float() if x.dtype == torch.float16 else x, (args, kwargs))
        result = func(*wide[0], **wide[1])
        return tree_map_only(Tensor, lambda x: x.half() if x.dtype == torch.float32 else x, result)


def gradient_norm(parameters: Iterable[Tensor]) -> float:
    """Root of the sum of squares of all gradients there are; infinite or NaN on overflow."""
    return math.sqrt(sum(float(p.grad.float().norm()) ** 2 for p in parameters if p.grad is not None))


def train(
    parameters: dict[str, Any], data: AuditData, steps: int, growth: int, half: bool = True, first_scale: float = FIRST_SCALE,
    encoded: int = 64,
) -> dict[str, Any]:  # fmt: skip
    """Train as Lightning's ``16-mixed`` does: loss / 16 times the scale, 16 backward passes, unscale, step unless overflown.

    Args:
        parameters: of the failing configuration.
        data: of the audit; ``encoded`` draws are encoded once, and their latents drawn anew at each visit, as found.
        steps: of the optimiser, those that overflow included.
        growth: good steps until the scale doubles.
        half: float16; otherwise float32, to compare with.

    Returns:
        ``lines`` (step, micro_batch, scale, logged, true, loss), ``ran`` and ``stayed`` of `InHalf`.
    """
    checked = validate(parameters)
    model = build_model(checked)
    give_empty_caption(model)
    training = FlowTraining(model.network, model.codec, checked.fit)
    segments = make_segments(data.clips, data.captions, data.text_states, checked, "train")
    batches = []
    for first in tqdm(range(0, encoded, BATCH), desc="encode", unit="batch"):
        batch = collate([segments[draw] for draw in range(first, first + BATCH)])
        with torch.no_grad():
            batches.append((batch, training.codec.encode(batch.pop("low")), training.codec.encode(batch.pop("high"))))
    optimisers = training.configure_optimizers()
    optimiser, schedule = optimisers["optimizer"], optimisers["lr_scheduler"]["scheduler"]  # type: ignore[index]
    scaler = torch.amp.GradScaler("cpu", init_scale=first_scale, growth_interval=growth, enabled=True)
    mode, lines = InHalf(), []
    for step in tqdm(range(steps), desc="half precision", unit="step"):
        optimiser.zero_grad()
        scale = scaler.get_scale()
        for micro in range(ACCUMULATED):
            visit = step * ACCUMULATED + micro
            batch, low, high = batches[visit % len(batches)]
            name = [f"{one} {visit}" for one in batch["name"]]
            z_l = low.draw([seed_of("posterior z_l", one) for one in name])
            latents = {"z_h_mean": high.mean, "z_h_deviation": high.deviation, "z_l": z_l}
            with mode:
                with torch.autocast("cpu", torch.float16, enabled=half):
                    loss = training.training_step({**batch, "name": name, **latents}, visit)
                scaler.scale(loss / ACCUMULATED).backward()
            training._losses.clear()  # there is no trainer to log them
            logged = gradient_norm(training.network.parameters())
            lines.append((step, micro, scale, logged, logged / scale, float(loss.detach())))
        scaler.step(optimiser)
        scaler.update()
        if scaler.get_scale() >= scale:  # Lightning as well does not schedule a step that was left out
            schedule.step()
    found = pd.DataFrame(lines, columns=["step", "micro_batch", "scale", "logged", "true", "loss"])
    return {"lines": found.to_dict("records"), "ran": sorted(mode.ran), "stayed": sorted(mode.stayed)}


def measure(
    as_found: dict[str, Any], data: AuditData, records: Records, steps: int = 300, settings: dict[str, int] = SETTINGS,
    small: dict[str, Any] = SMALL,
) -> pd.DataFrame:  # fmt: skip
    """The failing configuration at `SMALL` in each of ``settings``; what is finished is not done again.

    Returns:
        setting, step, micro_batch (0 to 15), scale, logged (norm of what has been accumulated, times the scale; not finite:
        overflow), true (the same over the scale), loss, stayed (operations that have no float16 on this processor).
    """
    parameters = changed(as_found, small)
    tables = []
    for name, interval in tqdm(settings.items(), desc="half precision", unit="setting"):
        key = parameter_hash("half precision", trains_as(parameters), data.version, steps, interval, code_version())
        record = records.get("half_precision", key)
        if record is None:
            record = records.put("half_precision", key, train(parameters, data, steps, interval))
        lines = pd.DataFrame(record["lines"]).fillna({"logged": math.inf, "true": math.inf})
        tables.append(lines.assign(setting=name, stayed=", ".join(record["stayed"]) or "none"))
    return pd.concat(tables)[["setting", "step", "micro_batch", "scale", "logged", "true", "loss", "stayed"]]


def curves(found: pd.DataFrame) -> pd.DataFrame:
    """Of each setting the curve that a step's first micro-batch draws, which is what a logger keeps that takes one value a step
    (the failing code's ignores a step that it has), and the one that its last draws.

    Returns:
        setting, read_at, ``norm_first``, ``norm_peak``, ``norm_last`` (`symptoms.norms`), scale_first, scale_last, true_median,
        overflows (share of the steps), reproduced (`symptoms.hump`).
    """
    lines, ends = [], found[found["micro_batch"].isin([0, ACCUMULATED - 1])]
    for (setting, micro), part in ends.groupby(["setting", "micro_batch"], sort=False):
        curve, finite = norms(part["logged"].to_numpy()), part["true"][np.isfinite(part["true"])]
        about = {
            "scale_first": part["scale"].iloc[0],
            "scale_last": part["scale"].iloc[-1],
            "true_median": finite.median(),
            "overflows": 1 - len(finite) / len(part),
            "reproduced": hump(*curve.values()),
        }
        read_at = "first micro-batch" if micro == 0 else "last micro-batch"
        lines.append({"setting": setting, "read_at": read_at} | curve | about)
    return pd.DataFrame(lines)
