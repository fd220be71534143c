"""The third symptom: the failing configuration trained in 16 bits, its gradient norms logged where the failing code logs them.

python experiments/half_precision/run.py [--steps 300] [--out docs/audit/half_precision.csv]
"""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.data import default_collate
from tqdm import tqdm

from saga_kedro.audit.data import AuditData
from saga_kedro.audit.loss_scale import FIRST_SCALE, GROWTH_INTERVAL
from saga_kedro.audit.plan import AS_FOUND
from saga_kedro.audit.session import open_audit
from saga_kedro.audit.training import fresh_model
from saga_kedro.draws import seed_of
from saga_kedro.parameters import Parameters, changed, validate
from saga_kedro.training.examples import make_segments
from saga_kedro.training.flow_training import FlowTraining

ROOT = Path(__file__).parents[2]
COLUMNS = ["setting", "step", "micro_batch", "scale", "logged", "true", "loss", "stayed"]
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


class InHalf(TorchDispatchMode):
    """Runs `WIDE` and what has no float16 kernel here in float32, between float16 inputs and results.

    ``stayed`` has the names of these operations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stayed: set[str] = set(WIDE)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs, half = kwargs or {}, []
        tree_map_only(Tensor, lambda x: half.append(x) if x.dtype == torch.float16 else None, (args, kwargs))
        if not half:
            return func(*args, **kwargs)
        if str(func) not in self.stayed:
            try:
                return func(*args, **kwargs)
            except (RuntimeError, NotImplementedError) as error:
                if "Half" not in str(error):
                    raise
                self.stayed.add(str(func))
        wide = tree_map_only(Tensor, lambda x: x.float() if x.dtype == torch.float16 else x, (args, kwargs))
        result = func(*wide[0], **wide[1])
        return tree_map_only(Tensor, lambda x: x.half() if x.dtype == torch.float32 else x, result)


def gradient_norm(parameters: Iterable[Tensor]) -> float:
    """Root of the sum of squares of all gradients there are; infinite or NaN on overflow."""
    return math.sqrt(sum(float(p.grad.float().norm()) ** 2 for p in parameters if p.grad is not None))


def train(parameters: Parameters, data: AuditData, steps: int, encoded: int = 64) -> pd.DataFrame:
    """Train as Lightning's ``16-mixed`` does: loss / 16 times the scale, 16 backward passes, unscale, step unless overflown.

    Args:
        parameters: of the failing configuration.
        data: of the audit; ``encoded`` draws are encoded once, and their latents drawn anew at each visit, as found.
        steps: of the optimiser, those that overflow included.

    Returns:
        setting, step, micro_batch (0 to 15), scale, logged (norm of what has been accumulated, times the scale; not finite:
        overflow), true (the same over the scale), loss, stayed (operations that have no float16 on this processor).
    """
    model = fresh_model(parameters)
    training = FlowTraining(model.network, model.codec, parameters.fit)
    segments = make_segments(data.clips, data.captions, data.text_states, parameters, "train")
    batches = []
    for first in tqdm(range(0, encoded, BATCH), desc="encode", unit="batch"):
        batch = default_collate([segments[draw] for draw in range(first, first + BATCH)])
        with torch.no_grad():
            batches.append((batch, training.codec.encode(batch.pop("low")), training.codec.encode(batch.pop("high"))))
    optimisers = training.configure_optimizers()
    optimiser, schedule = optimisers["optimizer"], optimisers["lr_scheduler"]["scheduler"]  # type: ignore[index]
    scaler = torch.amp.GradScaler("cpu", init_scale=FIRST_SCALE, growth_interval=GROWTH_INTERVAL, enabled=True)
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
                with torch.autocast("cpu", torch.float16):
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
    return found.assign(setting="as found", stayed=", ".join(sorted(mode.stayed)) or "none")[COLUMNS]


def open_data(issue: str = "vae_weights") -> Any:
    """The audit of the project's dataset, of one issue: the failing configuration and the data that it is trained on."""
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, runtime_params={"audit": {"issue": issue, "budget": "full"}}) as session:
        context = session.load_context()
        load = context.catalog.load
        tables = [load(name) for name in ("clips", "captions", "pairs", "pair_captions", "data_version")]
        return open_audit(*tables, validate(context.params), load("audit_issues_file"), load("audit_folders"), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/audit/half_precision.csv")
    asked = parser.parse_args()
    audit = open_data()
    found = train(changed(audit.baselines[AS_FOUND], SMALL), audit.bench.data, asked.steps)
    found.to_csv(asked.out, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
