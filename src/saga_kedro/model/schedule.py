"""Times at which the sampler evaluates the network, from 1 (noise) down to 0 (data)."""

from collections.abc import Callable

import numpy as np

# The linear part takes steps as small as those of a linear schedule of this many steps (the authors' code).
EMULATED_STEPS = 1_000


def linear(steps: int) -> np.ndarray:
    """t_i = 1 - i / steps for i = 0..steps, float32 [steps + 1]; a ValueError for fewer than one step."""
    _at_least_one(steps)
    return np.linspace(1, 0, steps + 1, dtype=np.float32)


def linear_quadratic(steps: int) -> np.ndarray:
    """The first half of the steps in small strides, the rest quadratically to 0 (Movie Gen; the authors' code).

    With L = floor(steps / 2) and Q = steps - L: t_i = 1 - i / 1000 for i = 0..L, then t_(L+k) = t_L (1 - (k / Q)^2) for k =
    1..Q, float32 [steps + 1]. For 100 steps t_50 = 0.95, t_51 = 0.94962, t_99 = 0.03762. A ValueError for fewer than one step,
    or more than 1,000, from where the linear strides would be the larger ones.
    """
    _at_least_one(steps)
    if steps > EMULATED_STEPS:
        raise ValueError(f"The linear-quadratic schedule takes at most {EMULATED_STEPS} steps, not {steps}: ask for fewer.")
    linear_steps = steps // 2
    quadratic_steps = steps - linear_steps
    first = 1 - np.arange(linear_steps + 1) / EMULATED_STEPS
    k = np.arange(1, quadratic_steps + 1)
    return np.concatenate([first, first[-1] * (1 - (k / quadratic_steps) ** 2)]).astype(np.float32)


def _at_least_one(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"A schedule needs at least one step, not {steps}.")


SCHEDULES: dict[str, Callable[[int], np.ndarray]] = {"linear": linear, "linear_quadratic": linear_quadratic}
