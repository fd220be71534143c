"""The failing code's own functions beside our ``audit.as_found`` parts, on the same inputs: what differs, by how much and why.

Functions, classes and statements are found in the checkout's files by name, and run alone: nothing of them is kept here.
"""

import argparse
import ast
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy import signal

REVISION = "f48b714172f9d3c618d29793bfb44950ae61cde7"
CLONE = f"git clone https://github.com/judgeyjj/speechsr DIR; git -C DIR checkout {REVISION[:7]}"
ROUNDING = 1e-4
HEAD = ("part", "their function", "ours", "largest difference", "relative", "verdict", "why")


@dataclass(frozen=True)
class Row:
    """One part compared; ``theirs`` None where the checkout has no such thing."""

    part: str
    function: str
    ours_name: str
    theirs: Any
    ours: Any
    why: str = ""

    def cells(self) -> tuple[str, ...]:
        if self.theirs is None:
            return (self.part, self.function, self.ours_name, "-", "-", "not in this revision", self.why)
        theirs, ours = (np.asarray(value, dtype=np.float64) for value in (self.theirs, self.ours))
        if theirs.shape != ours.shape:
            return (self.part, self.function, self.ours_name, "-", "-", "differs", f"shapes {theirs.shape}, {ours.shape}")
        finite = np.isfinite(theirs) & np.isfinite(ours)
        difference = float(np.abs(theirs - ours)[finite].max(initial=0.0))
        relative = difference / max(float(np.abs(theirs)[finite].max(initial=0.0)), 1e-12)
        same = relative <= ROUNDING and np.array_equal(np.isfinite(theirs), np.isfinite(ours))
        verdict = "same" if same else "differs"
        return (self.part, self.function, self.ours_name, f"{difference:.1e}", f"{relative:.1e}", verdict, self.why)


def table(rows: list[Row], kind: str) -> str:
    """The rows as ``.md`` or ``.csv``."""
    lines = [HEAD, *(row.cells() for row in rows)]
    if kind == ".csv":
        return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\n" for line in lines)
    lines.insert(1, ("---",) * len(HEAD))
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def check_revision(checkout: Path) -> None:
    """Raises SystemExit, with one sentence, unless ``checkout`` is a clone at the audited revision."""
    if not (checkout / ".git").exists():
        raise SystemExit(f"--checkout {checkout} is no clone of judgeyjj/speechsr; get one: {CLONE}")
    command = ["git", "-C", str(checkout)]
    found = subprocess.run([*command, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    if found != REVISION:
        raise SystemExit(f"--checkout {checkout} is at {found[:7] or 'no revision'}, not {REVISION[:7]}; fix it: {CLONE}")
    if subprocess.run([*command, "diff", "--quiet", "HEAD"]).returncode:
        raise SystemExit(f"--checkout {checkout} has changed files; undo them: git -C {checkout} checkout .")


def taken(path: Path, wanted: Callable[[ast.AST], bool], names: dict[str, Any]) -> dict[str, Any]:
    """Run those statements of a file that are ``wanted``, with ``names`` in the place of its imports."""
    found = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if wanted(node)]
    future = ast.parse("from __future__ import annotations").body
    exec(compile(ast.Module([*future, *found], []), str(path), "exec"), names)  # type: ignore[arg-type]
    return names


def named(*wanted: str) -> Callable[[ast.AST], bool]:
    return lambda node: isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in wanted


def assigned(*wanted: str) -> Callable[[ast.AST], bool]:
    return lambda node: isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in wanted


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def metric_rows(root: Path) -> list[Row]:
    from saga_kedro.audit.as_found.metrics import lsd_in_decibels, si_sdr_centred

    theirs = taken(root / "metrics.py", named("compute_lsd", "compute_si_sdr"), {"torch": torch})
    pairs = [(draws(30_000, seed=k) / 10 + k / 20, draws(30_000, seed=k) / 9 + draws(30_000, seed=9) / 20) for k in range(3)]
    pair = [[(audio.numpy()) for audio in both] for both in pairs]
    return [
        Row("LSD", "compute_lsd", "lsd_in_decibels", [theirs["compute_lsd"](e, r) for r, e in pairs],
            [lsd_in_decibels(r, e) for r, e in pair]),
        Row("SDR", "compute_si_sdr", "si_sdr_centred", [theirs["compute_si_sdr"](e, r) for r, e in pairs],
            [si_sdr_centred(r, e) for r, e in pair]),
    ]  # fmt: skip


def rolloff_row(root: Path) -> Row:
    from saga_kedro.audio.rolloff import ROLLOFFS

    theirs = taken(root / "spectral_features.py", named("compute_spectral_rolloff"), {"torch": torch})
    theirs = taken(root / "conditioner_rolloff.py", named("_normalize_rolloff"), theirs)
    measure, scale = theirs["compute_spectral_rolloff"], theirs["_normalize_rolloff"]
    noise = draws(4, 40_000)
    audio = torch.stack([noise[0], noise[1].cumsum(0), noise[2].diff(prepend=noise[2][:1]), torch.zeros(40_000)])
    limits = SimpleNamespace(min_freq=0.0, max_freq=22_050.0)
    values = [float(scale(limits, measure(one, 44_100))) for one in audio]
    ours = ROLLOFFS["power"](audio[:, None])
    return Row("roll-off", "compute_spectral_rolloff, _normalize_rolloff", "power", values, ours)


def dataset_rows(root: Path) -> list[Row]:
    from saga_kedro.audio.lowpass import LOW_PASSES, LowPass
    from saga_kedro.audit.as_found.metrics import SHIFT

    kinds = {"cheby1": "chebyshev", "butter": "butterworth", "bessel": "bessel", "ellip": "elliptic"}
    drawn: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    chance = SimpleNamespace(
        choice=lambda names: drawn["kind"],
        uniform=lambda low, high: bounds.update(cutoff=(low, high)) or drawn["cutoff"],
        randint=lambda low, high: bounds.update(order=(low, high)) or (drawn["order"] if high == 10 else 7),
    )
    noise = draws(1, 300_000)
    names = {"torch": torch, "np": np, "signal": signal, "random": chance, "Dataset": object}
    names["torchaudio"] = SimpleNamespace(load=lambda path: (noise[:, : drawn["samples"]], 44_100))
    kind = taken(root / "dataset.py", named("SAGASRDataset"), names)["SAGASRDataset"]
    dataset = object.__new__(kind)
    dataset.__dict__ |= {"sample_rate": 44_100, "filter_types": list(kinds), "compute_rolloff": False}
    dataset.__dict__ |= {"audio_files": ["it"], "num_samples": int(44_100 * 5.94)}
    short = noise[:, :20_000].numpy()
    theirs, ours = [], []
    for their_name, our_name in kinds.items():
        for order, cutoff in ((2, 2_000), (6, 4_000), (10, 2_000), (10, 12_000)):
            drawn |= {"kind": their_name, "order": order, "cutoff": cutoff}
            theirs.append(dataset._apply_lowpass_filter(short[0]))
            ours.append(LOW_PASSES["transfer_functions"](short, 44_100, LowPass(our_name, order, cutoff))[0])
    order_and_cutoff = [*bounds["order"], *bounds["cutoff"]]
    drawn |= {"kind": "butter", "order": 4, "cutoff": 4_000, "samples": 300_000}
    long, _ = dataset[0]
    drawn["samples"] = 100_000
    again, _ = dataset[0]
    loop = np.allclose(again[100_000:200_000], noise[0, :100_000])
    return [
        Row("low-pass", "_apply_lowpass_filter", "transfer_functions", theirs, ours),
        Row("order and cutoff", "_apply_lowpass_filter", "audio.lowpass.draw", order_and_cutoff, [2, 10, 2_000, 16_000],
            "ours draws whole Hz, and not above the clip's own bandwidth"),
        Row("segment", "SAGASRDataset.__getitem__", "metrics.SHIFT", len(long) - len(long) // 2_048 * 2_048, SHIFT,
            f"only its length is a part of ours; theirs {'repeats' if loop else 'does not repeat'} a short clip to fill it"),
    ]  # fmt: skip


def guidance_rows(root: Path) -> list[Row]:
    from saga_kedro.audit import as_found  # noqa: F401  registers the parts
    from saga_kedro.model.condition import Condition
    from saga_kedro.model.guidance import GUIDANCE
    from saga_kedro.model.initialise import initialise_by_name
    from saga_kedro.model.network import SagaNetwork

    network = SagaNetwork(6, 16, embed_dim=64, depth=1, num_heads=2)
    initialise_by_name(network, 0)
    for name, parameter in network.named_parameters():
        if not parameter.any():  # output layers start at zero and would hide every difference
            parameter.data = draws(*parameter.shape, seed=len(name)) / 20
    z_t, t, text = draws(2, 6, 8, seed=2), torch.tensor([0.3, 0.7]), draws(2, 5, 16, seed=1)
    condition = Condition(draws(2, 6, 8), text, torch.full((2,), 0.2), torch.full((2,), 0.8))
    inputs = network.inputs(replace(condition, text=text[:, :0]))
    rolloff = {"cross_attn": inputs["cross_attn_cond"], "global": inputs["global_cond"]}
    ours = GUIDANCE["z_l_everywhere"](network, z_t, t, condition, 1.4, 1.2)
    trained = taken(root / "train_saga_sr.py", named("_SAGASRCFGWrapper"), {"torch": torch})["_SAGASRCFGWrapper"]
    served = taken(root / "saga_sampling.py", named("SAGASRCFGWrapper"), {"torch": torch})["SAGASRCFGWrapper"]
    bundle = SimpleNamespace(lr_latent=condition.z_l, rolloff_cond=rolloff, cross_attn_text=text)

    def in_training(context: torch.Tensor) -> torch.Tensor:
        given = {"cross_attn_cond": context, "global_cond": rolloff["global"]}
        return trained(network.dit, condition.z_l, rolloff, given, 1.4, 1.2, "cpu")(z_t, t)

    twice = torch.cat([text, rolloff["cross_attn"]], dim=1)
    return [
        Row("guidance, validation", "_SAGASRCFGWrapper, as validation calls it", "z_l_everywhere", in_training(twice), ours,
            "validation_step has put the roll-off behind the text already, so it is there twice; ours too"),
        Row("guidance, serving", "SAGASRCFGWrapper", "z_l_everywhere", served(network.dit, bundle, 1.4, 1.2)(z_t, t), ours,
            "serving has the roll-off once; the symptoms are of validation"),
    ]  # fmt: skip


def conditioner_row(root: Path) -> Row:
    from saga_kedro.audit.as_found.network import JointRolloff

    width = 16
    fourier = taken(root / "spectral_features.py", named("FourierEmbedding"), {"torch": torch, "nn": torch.nn, "np": np})
    names = {"torch": torch, "nn": torch.nn, "FourierEmbedding": fourier["FourierEmbedding"]}
    theirs = taken(root / "conditioner_rolloff.py", named("RolloffFourierConditioner"), names)["RolloffFourierConditioner"]
    theirs, ours = theirs(width, 2 * width).eval(), JointRolloff(width)
    layers = [(ours.token[0], "cross_attn_proj"), (ours.token[1], "cross_attn_norm")]
    for layer, name in (*layers, (ours.vector[0], "global_proj"), (ours.vector[1], "global_norm")):
        layer.load_state_dict(getattr(theirs, name).state_dict())
    f_l, f_h = torch.tensor([0.2, 0.35]), torch.tensor([0.7, 0.93])
    there, here = theirs(22_050 * f_l, 22_050 * f_h), ours(f_l, f_h)
    why = "the same weights in both; angles of up to 10,000 turns, whose products are rounded in another order"
    both = [torch.cat([token.flatten(1), vector], dim=1) for token, vector in ((there["cross_attn"], there["global"]), here)]
    return Row("roll-off conditioner", "RolloffFourierConditioner", "JointRolloff", *both, why)


def training_rows(root: Path) -> list[Row]:
    from saga_kedro.audit import as_found  # noqa: F401  registers the parts
    from saga_kedro.model.flow import OBJECTIVES
    from saga_kedro.model.sampler import SAMPLERS
    from saga_kedro.model.schedule import SCHEDULES
    from saga_kedro.training.inverse_lr import LR_SCHEDULES

    file = root / "train_saga_sr.py"
    factor = next(node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Lambda))
    theirs = eval(compile(ast.Expression(factor), str(file), "eval"))
    steps = [0, 1, 100, 26_000, 10**6]
    z_h, noise, t = draws(2, 3, 4), draws(2, 3, 4, seed=1), torch.tensor([0.2, 0.9])
    names = taken(file, assigned("z_t", "v_target"), {"hr_latent": z_h, "noise": noise, "t": t})
    first = OBJECTIVES["noise_first"]
    library = root / "stable-audio-tools/stable_audio_tools/inference/sampling.py"
    euler = taken(library, named("sample_discrete_euler"), {"torch": torch, "tqdm": lambda it, disable: it})

    def network(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.tanh(z) * t[:, None, None] + 0.5

    start = draws(2, 3, 4, seed=3)
    sampled = euler["sample_discrete_euler"](network, start, steps=100)
    ours = SAMPLERS["time_reversed"](lambda z, t: -network(z, 1 - t), start, SCHEDULES["linear"](100))
    rate = [LR_SCHEDULES["without_warmup"](step, 1e6, 0.5, 0.99) for step in steps]
    return [
        Row("learning rate", "configure_optimizers, its lambda", "without_warmup", [theirs(step) for step in steps], rate),
        Row("flow target", "training_step: z_t, v_target", "noise_first", torch.stack([names["z_t"], names["v_target"]]),
            torch.stack([first.interpolate(z_h, noise, t), first.target(z_h, noise)])),
        Row("sampler", "sample_discrete_euler", "time_reversed", sampled, ours,
            "ours gets the same network in the aligned convention, -u(z, 1 - t)"),
        Row("low band", "none", "none, below_200_hz", None, None,
            "it replaces nothing, which is our `none`; 200 Hz is the first document's reading"),
    ]  # fmt: skip


@torch.no_grad()
def rows(root: Path) -> list[Row]:
    parts = (*metric_rows(root), rolloff_row(root), conditioner_row(root), *dataset_rows(root))
    return [*parts, *guidance_rows(root), *training_rows(root)]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"The checkout: {CLONE}")
    parser.add_argument("--checkout", type=Path, required=True, help="a clone of judgeyjj/speechsr at the audited revision")
    parser.add_argument("--output", type=Path, help="write the table here too, .csv or .md")
    given = parser.parse_args(arguments)
    check_revision(given.checkout)
    found = rows(given.checkout)
    print(table(found, ".md"))
    if given.output:
        from saga_kedro.files import atomic_path

        with atomic_path(given.output) as path:
            path.write_text(table(found, given.output.suffix), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
