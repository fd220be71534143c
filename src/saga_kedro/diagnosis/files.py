"""What is wrong with a model configuration of stable-audio-tools, or a checkpoint."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saga_kedro.diagnosis.numbers import Cause, fitting


def read_config(path: Path) -> dict[str, Any]:
    """A model configuration of stable-audio-tools; a ValueError where it is missing or no JSON object."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file.") from None
    except ValueError as error:
        raise ValueError(f"{path}: this is no JSON ({error}).") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path}: a model configuration is a JSON object.")
    return config


def of_config(config: Mapping[str, Any]) -> list[Cause]:
    """Faults of a model configuration (``saga_model_config.json``), certain ones first."""

    def section(*names: str) -> dict[str, Any]:
        place: Any = config
        for name in names:
            place = place.get(name) if isinstance(place, Mapping) else None
        return dict(place) if isinstance(place, Mapping) else {}

    diffusion, dit, training = section("model", "diffusion"), section("model", "diffusion", "config"), section("training")
    codec, inside = section("model", "pretransform"), section("model", "pretransform", "config")
    objective, prepend = diffusion.get("diffusion_objective"), dit.get("prepend_cond_dim")
    prepends = "prepend_cond_dim" in dit or diffusion.get("prepend_cond_ids")
    width, token = section("model", "conditioning").get("cond_dim"), dit.get("cond_token_dim")
    ids, vector = diffusion.get("global_cond_ids") or [], dit.get("global_cond_dim")
    latent, concat = inside.get("latent_dim"), dit.get("input_concat_dim")
    named = json.dumps(codec) + json.dumps({name: value for name, value in config.items() if name != "model"})
    mono = inside.get("io_channels", 2) == 1 or config.get("audio_channels") == 1
    samples, hop = config.get("sample_size") or 0, inside.get("downsampling_ratio") or 1
    drawn = training.get("timestep_sampler", "logit_normal")
    model, inner = "model.diffusion", "model.diffusion.config"
    # fmt: off
    return fitting([
        (objective is None, "the objective is unset: stable-audio-tools samples the model as v-prediction",
         f"{model}.diffusion_objective is missing", 0.95, "flow_objective"),
        (objective not in (None, "rectified_flow"), f"the objective is {objective}, not rectified flow",
         f"{model}.diffusion_objective is {objective!r}", 0.9, "flow_objective"),
        (prepend, "a token goes through prepend_cond, which the authors leave unused",
         f"{inner}.prepend_cond_dim is {prepend}", 0.4, "rolloff_global"),
        (prepends and not prepend, "prepend_cond_dim is 0: a prepended token has no projection, the DiT raises AttributeError",
         f"{inner}.prepend_cond_dim", 0.9, "rolloff_prepend_dim"),
        (width and token and width != token, f"widths differ: conditioners give {width}, the cross-attention takes {token}",
         f"model.conditioning.cond_dim, {inner}.cond_token_dim", 0.95, "rolloff_token_width"),
        (width and ids and vector and vector != width * len(ids),
         f"widths differ: {len(ids)} global conditions of {width} are not the {vector} of global_cond_dim",
         f"{model}.global_cond_ids, {inner}.global_cond_dim", 0.9, "rolloff_global"),
        (ids and not any("roll" in str(name).lower() for name in ids),
         f"the global path is fed by {', '.join(map(str, ids))}, not by the roll-off",
         f"{model}.global_cond_ids", 0.6, "rolloff_global"),
        (not concat, "z_l has no channels: input_concat_dim is 0 or missing", f"{inner}.input_concat_dim",
         0.95, "latent_dropout"),
        (latent and concat and concat != latent, f"widths differ: z_l has {latent} channels, the DiT takes {concat}",
         f"{inner}.input_concat_dim", 0.95, "vae_weights"),
        (not codec, "there is no codec", "model.pretransform is missing", 0.9, "vae_weights"),
        (codec and "ckpt" not in named and "checkpoint" not in named,
         "no weights are named for the codec: built from this file alone it is random",
         "model.pretransform has no path of a checkpoint", 0.75, "vae_weights"),
        (mono, "the model has one channel; the paper trains on stereo",
         "audio_channels, model.pretransform.config.io_channels", 0.5, "stereo"),
        (samples % hop,
         f"a segment of {samples:,} samples is no whole number of latents: outputs come {samples % hop:,} samples short",
         f"sample_size, and a hop of {hop:,}", 0.7, "metric_units"),
        (training and not training.get("use_ema"), "no EMA weights are kept", "training.use_ema is not true", 0.3, "ema"),
        (drawn != "logit_normal", f"t is drawn {drawn}; the authors draw logit-normal",
         "training.timestep_sampler", 0.3, "timesteps"),
    ])
    # fmt: on


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Tensors by name, of a .safetensors or a PyTorch file; a ValueError where it is missing or cannot be read."""
    from saga_kedro.model.tensors import read

    if not path.is_file():
        raise ValueError(f"{path}: there is no such file.")
    return read(path)


def of_tensors(tensors: Mapping[str, Any]) -> list[Cause]:
    """Faults of a checkpoint's names and weights, certain ones first."""
    elsewhere = ("pretransform", "conditioner")
    dit = [name for name in tensors if "transformer.layers." in name and not name.startswith(elsewhere)]
    prefixes = sorted({name.split("transformer.layers.")[0] for name in dit})
    averaged = [name for name in tensors if "ema" in name.lower().split(".") or "_ema." in name or "ema_model" in name]
    codec = {name: value for name, value in tensors.items() if "pretransform." in name or "encoder.layers" in name}
    fresh = fresh_share(codec)
    rolloff = any("roll" in name.lower() or name.startswith(("network.f_l", "network.f_h")) for name in tensors)
    broken = [name for name, value in tensors.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    # fmt: off
    return fitting([
        (not dit, "there is no DiT in this checkpoint", f"of {len(tensors)} tensors none is of transformer.layers",
         0.95, "checkpoint_loading"),
        (dit and not any(name.startswith("model.model.transformer.") for name in dit),
         "strict=False would swallow this file: the DiT lies under another prefix",
         f"its tensors begin with {', '.join(map(repr, prefixes[:3]))}; stable-audio-tools looks for 'model.model.'",
         0.95, "checkpoint_loading"),
        (averaged, "EMA weights are in this file: make sure that inference loads them",
         f"{len(averaged)} tensors, first {next(iter(averaged), None)}", 0.2, "ema"),
        (not averaged, "online weights only: there are no EMA weights", "no tensor is named ema", 0.3, "ema"),
        (not codec, "the codec is not in this file: it must come from elsewhere, or it is random",
         "no tensor of a pretransform", 0.6, "vae_weights"),
        (fresh > 0.5, "the codec's weights are those of its constructor",
         f"in {fresh:.0%} of its weight-normalised layers the gain is the direction's norm, as untrained", 0.99, "vae_weights"),
        (not rolloff, "no roll-off conditioner is in this file: inference would build a random one",
         "no tensor is named rolloff", 0.5, "checkpoint_loading"),
        (broken, "weights are not finite", f"{len(broken)} tensors, first {next(iter(broken), None)}", 0.99, "low_pass"),
    ])
    # fmt: on


def fresh_share(tensors: Mapping[str, Any]) -> float:
    """Share of weight-normalised layers whose gain is the norm of their direction: 1 as built, about 0 once trained.

    torch's weight_norm starts with g = |v| (``weight_g``, ``weight_v``; or ``weight.original0``, ``weight.original1``).
    """
    fresh = []
    for name, gain in tensors.items():
        for one, other in (("weight_g", "weight_v"), ("weight.original0", "weight.original1")):
            direction = tensors.get(name.removesuffix(one) + other) if name.endswith(one) else None
            if direction is not None:
                g, norm = gain.double().flatten(), direction.double().flatten(1).norm(dim=1)
                fresh.append(len(g) == len(norm) and bool(((g - norm).abs() <= 1e-4 * norm.abs().clamp(min=1e-12)).all()))
    return sum(fresh) / len(fresh) if fresh else 0.0
