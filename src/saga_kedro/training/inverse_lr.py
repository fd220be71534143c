"""The learning rate schedule of SAGA-SR and stable-audio-tools."""

from collections.abc import Callable


def inverse_lr_factor(step: int, inv_gamma: float, power: float, warmup: float) -> float:
    """(1 - warmup^(step + 1)) (1 + step / inv_gamma)^-power: what multiplies the learning rate, in (0, 1].

    stable_audio_tools/training/utils.py, InverseLR._get_closed_form_lr with final_lr = 0; its class does not run on torch 2.14.

    ``step`` counts from 0. After ``inv_gamma`` steps the rate is (1/2)^power of its start. ``warmup`` is in [0, 1); 0.99 gives
    1 % of the rate at step 0 and 90 % at step 229.
    """
    return (1 - warmup ** (step + 1)) * (1 + step / inv_gamma) ** -power


LR_SCHEDULES: dict[str, Callable[[int, float, float, float], float]] = {"inverse_lr": inverse_lr_factor}
