"""What is wrong with a person's files: a model configuration of stable-audio-tools, and a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from saga_kedro.audit.diagnosis.numbers import Cause


def read_config(path: str | Path) -> dict[str, Any]:
    """A model configuration of stable-audio-tools.

    Raises:
        ValueError: the file is missing or is no JSON object.
    """
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file.") from None
    except ValueError as error:
        raise ValueError(f"{path}: this is no JSON ({error}).") from None
    if not isinstance(config, dict):
        raise ValueError(f"{path}: a model configuration is a JSON object.")
    return config


def of_config(config: Mapping[str, Any]) -> list[Cause]:
    """Faults of a model configuration of stable-audio-tools (``saga_model_config.json``), certain ones first."""
    found = [*_objective(config), *_prepend(config), *_widths(config), *_codec(config), *_training(config)]
    return sorted(found, key=lambda cause: -cause.likelihood)


def _section(config: Mapping[str, Any], *names: str) -> dict[str, Any]:
    place: Any = config
    for name in names:
        place = place.get(name) if isinstance(place, Mapping) else None
    return dict(place) if isinstance(place, Mapping) else {}


def _objective(config: Mapping[str, Any]) -> Iterator[Cause]:
    where = "model.diffusion.diffusion_objective"
    objective = _section(config, "model", "diffusion").get("diffusion_objective")
    if objective is None:
        says = "the objective is unset: stable-audio-tools samples the model as v-prediction"
        yield Cause(says, f"{where} is missing", 0.95, "flow_objective")
    elif objective != "rectified_flow":
        yield Cause(f"the objective is {objective}, not rectified flow", f"{where} is {objective!r}", 0.9, "flow_objective")


def _prepend(config: Mapping[str, Any]) -> Iterator[Cause]:
    diffusion, dit = _section(config, "model", "diffusion"), _section(config, "model", "diffusion", "config")
    width = dit.get("prepend_cond_dim")
    if width:
        says = "a token goes through prepend_cond, which the authors leave unused"
        yield Cause(says, f"model.diffusion.config.prepend_cond_dim is {width}", 0.4, "rolloff_global")
    elif "prepend_cond_dim" in dit or diffusion.get("prepend_cond_ids"):
        says = "prepend_cond_dim is 0: a prepended token has no projection, and the DiT raises AttributeError"
        yield Cause(says, "model.diffusion.config.prepend_cond_dim", 0.9, "rolloff_prepend_dim")


def _widths(config: Mapping[str, Any]) -> Iterator[Cause]:
    diffusion, dit = _section(config, "model", "diffusion"), _section(config, "model", "diffusion", "config")
    width, token = _section(config, "model", "conditioning").get("cond_dim"), dit.get("cond_token_dim")
    if width and token and width != token:
        says = f"widths differ: conditioners give {width}, the cross-attention takes {token}"
        yield Cause(says, "model.conditioning.cond_dim, model.diffusion.config.cond_token_dim", 0.95, "rolloff_token_width")
    ids, vector = diffusion.get("global_cond_ids") or [], dit.get("global_cond_dim")
    if width and ids and vector and vector != width * len(ids):
        says = f"widths differ: {len(ids)} global conditions of {width} are not the {vector} of global_cond_dim"
        yield Cause(says, "model.diffusion.global_cond_ids, model.diffusion.config.global_cond_dim", 0.9, "rolloff_global")
    if ids and not any("roll" in str(name).lower() for name in ids):
        says = f"the global path is fed by {', '.join(map(str, ids))}, not by the roll-off"
        yield Cause(says, "model.diffusion.global_cond_ids", 0.6, "rolloff_global")
    latent, concat = _section(config, "model", "pretransform", "config").get("latent_dim"), dit.get("input_concat_dim", 0)
    where = "model.diffusion.config.input_concat_dim"
    if not concat:
        yield Cause("z_l has no channels: input_concat_dim is 0 or missing", where, 0.95, "latent_dropout")
    elif latent and concat != latent:
        yield Cause(f"widths differ: z_l has {latent} channels, the DiT takes {concat}", where, 0.95, "vae_weights")


def _codec(config: Mapping[str, Any]) -> Iterator[Cause]:
    codec, inside = _section(config, "model", "pretransform"), _section(config, "model", "pretransform", "config")
    named = json.dumps(codec) + json.dumps({name: value for name, value in config.items() if name != "model"})
    if not codec:
        yield Cause("there is no codec", "model.pretransform is missing", 0.9, "vae_weights")
    elif "ckpt" not in named and "checkpoint" not in named:
        says = "no weights are named for the codec: built from this file alone it is random"
        yield Cause(says, "model.pretransform has no path of a checkpoint", 0.75, "vae_weights")
    if inside.get("io_channels", 2) == 1 or config.get("audio_channels") == 1:
        says = "the model has one channel; the paper trains on stereo"
        yield Cause(says, "audio_channels, model.pretransform.config.io_channels", 0.5, "stereo")
    samples, hop = config.get("sample_size"), inside.get("downsampling_ratio")
    if samples and hop and samples % hop:
        says = f"a segment of {samples:,} samples is no whole number of latents: outputs come {samples % hop:,} samples short"
        yield Cause(says, f"sample_size, and a hop of {hop:,}", 0.7, "metric_units")


def _training(config: Mapping[str, Any]) -> Iterator[Cause]:
    training = _section(config, "training")
    if training and not training.get("use_ema", False):
        yield Cause("no EMA weights are kept", "training.use_ema is not true", 0.3, "ema")
    drawn = training.get("timestep_sampler", "logit_normal")
    if drawn != "logit_normal":
        yield Cause(f"t is drawn {drawn}; the authors draw logit-normal", "training.timestep_sampler", 0.3, "timesteps")


def of_checkpoint(path: str | Path) -> list[Cause]:
    """Faults of a checkpoint (.safetensors, or a PyTorch file of which no code is run).

    Raises:
        ValueError: the file is missing or cannot be read.
    """
    return of_tensors(_tensors(Path(path)))


def _tensors(path: Path) -> dict[str, Any]:
    import torch
    from safetensors import safe_open

    if not path.is_file():
        raise ValueError(f"{path}: there is no such file.")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path}: cannot be read as a checkpoint ({type(error).__name__}).") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


DIT_PLACE = "model.model.transformer."
"""Where stable-audio-tools' own model keeps its DiT."""


def of_tensors(tensors: Mapping[str, Any]) -> list[Cause]:
    """Faults of a checkpoint's names and weights, certain ones first."""
    found = [*_dit_names(tensors), *_ema_names(tensors), *_codec_weights(tensors), *_other_weights(tensors)]
    return sorted(found, key=lambda cause: -cause.likelihood)


def _dit_names(tensors: Mapping[str, Any]) -> Iterator[Cause]:
    elsewhere = ("pretransform", "conditioner")
    inside = [name for name in tensors if "transformer.layers." in name and not name.startswith(elsewhere)]
    prefixes = sorted({name.split("transformer.layers.")[0] for name in inside})
    if not inside:
        because = f"of {len(tensors)} tensors none is of transformer.layers"
        yield Cause("there is no DiT in this checkpoint", because, 0.95, "checkpoint_loading")
    elif not any(name.startswith(DIT_PLACE) for name in inside):
        said = ", ".join(repr(prefix) for prefix in prefixes[:3])
        because = f"its tensors begin with {said}; stable-audio-tools looks for 'model.model.'"
        says = "strict=False would swallow this file: the DiT lies under another prefix"
        yield Cause(says, because, 0.95, "checkpoint_loading")


def _ema_names(tensors: Mapping[str, Any]) -> Iterator[Cause]:
    averaged = [name for name in tensors if "ema" in name.lower().split(".") or "_ema." in name or "ema_model" in name]
    if averaged:
        because = f"{len(averaged)} tensors, first {averaged[0]}"
        yield Cause("EMA weights are in this file: make sure that inference loads them", because, 0.2, "ema")
    else:
        yield Cause("online weights only: there are no EMA weights", "no tensor is named ema", 0.3, "ema")


def _codec_weights(tensors: Mapping[str, Any]) -> Iterator[Cause]:
    codec = {name: value for name, value in tensors.items() if "pretransform." in name or "encoder.layers" in name}
    if not codec:
        says = "the codec is not in this file: it must come from elsewhere, or it is random"
        yield Cause(says, "no tensor of a pretransform", 0.6, "vae_weights")
        return
    share = fresh_share(codec)
    if share > 0.5:
        because = f"in {share:.0%} of its weight-normalised layers the gain is the direction's norm, as untrained"
        yield Cause("the codec's weights are those of its constructor", because, 0.99, "vae_weights")


def _other_weights(tensors: Mapping[str, Any]) -> Iterator[Cause]:
    if not any("roll" in name.lower() or name.startswith(("network.f_l", "network.f_h")) for name in tensors):
        says = "no roll-off conditioner is in this file: inference would build a random one"
        yield Cause(says, "no tensor is named rolloff", 0.5, "checkpoint_loading")
    broken = [name for name, value in tensors.items() if value.is_floating_point() and not bool(value.isfinite().all())]
    if broken:
        yield Cause("weights are not finite", f"{len(broken)} tensors, first {broken[0]}", 0.99, "low_pass")


def fresh_share(tensors: Mapping[str, Any]) -> float:
    """Share of weight-normalised layers whose gain is the norm of their direction: 1 as built, about 0 once trained.

    torch's weight_norm starts with g = |v| (``weight_g``, ``weight_v``; or ``parametrizations.weight.original0``,
    ``original1``).
    """
    pairs = []
    for name, gain in tensors.items():
        for one, other in (("weight_g", "weight_v"), ("weight.original0", "weight.original1")):
            direction = tensors.get(name.removesuffix(one) + other) if name.endswith(one) else None
            if direction is not None:
                pairs.append((gain.double().flatten(), direction.double().flatten(1).norm(dim=1)))
    if not pairs:
        return 0.0
    fresh = [bool(len(g) == len(n) and ((g - n).abs() <= 1e-4 * n.abs().clamp(min=1e-12)).all()) for g, n in pairs]
    return sum(fresh) / len(fresh)
