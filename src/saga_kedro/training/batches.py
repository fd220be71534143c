"""Batches of segments, as Lightning asks for them, and what a training step draws for each segment."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from saga_kedro.draws import generator, seed_of
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.flow import TIMESTEPS
from saga_kedro.model.parts import part
from saga_kedro.parameters import Fit


def noise_of(names: Sequence[str], shape: Sequence[int], what: str = "noise") -> Tensor:
    """Unit normal noise [B, *shape], drawn item by item from the items' names."""
    return torch.stack([torch.randn(tuple(shape), generator=generator(what, name)) for name in names])


def chosen(what: str, probability: float, names: Sequence[str]) -> Tensor:
    """Which items ``what`` happens to: bool [B], each drawn from its name."""
    return torch.tensor([float(torch.rand((), generator=generator(what, name))) < probability for name in names])


def drawn(posterior: Posterior, names: Sequence[str]) -> Tensor:
    """z_h [B, C, T] of these visits."""
    return posterior.draw([seed_of("posterior z_h", name) for name in names])


def step_draws(fit: Fit, names: Sequence[str], shape: Sequence[int]) -> dict[str, Tensor]:
    """What a step draws for its items: ``noise`` [B, *shape], ``t`` [B], and bool [B] each: whether they start from no noise,
    are not told f_h, do without z_l, do without context."""
    draw_t = part("timesteps", TIMESTEPS, fit.timesteps)
    return {
        "noise": noise_of(names, shape),
        "t": torch.stack([draw_t(generator("t", name)) for name in names]),
        "mean": chosen("noise", fit.mean_share, names),
        "unspecified": chosen("dial", fit.unspecified_share, names),
        "drop_z_l": chosen("drop z_l", fit.drop_z_l, names),
        "drop_context": chosen("drop context", fit.drop_context, names),
    }


def collated(examples: list[dict[str, Any]], fit: Fit | None) -> dict[str, Any]:
    """A batch; of examples that are encoded already also z_h and `step_draws`, so that loaders draw and no GPU waits for it.

    ``fit`` is None where no step follows.
    """
    batch = default_collate(examples)
    if "z_l" in batch:
        batch["z_h"] = drawn(Posterior(batch["z_h_mean"], batch["z_h_deviation"]), batch["name"])
        batch |= step_draws(fit, batch["name"], batch["z_l"].shape[1:]) if fit else {}
    return batch


class Draws(Sampler[list[int]]):
    """Batches of draw numbers, from ``first`` on, shared out over the processes of a training, ``batches`` for each."""

    def __init__(self, first: int, batches: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.first, self.batches, self.batch_size, self.rank, self.world_size = first, batches, batch_size, rank, world_size

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        for batch in range(self.batches):
            start = self.first + (batch * self.world_size + self.rank) * self.batch_size
            yield list(range(start, start + self.batch_size))


class SegmentBatches(pl.LightningDataModule):
    """An epoch is the steps up to the next validation and checkpoint.

    Draws continue where the trainer's step counter says, so a resumed training sees what it would have seen.
    """

    def __init__(self, training: Dataset, validation: Dataset, fit: Fit) -> None:
        super().__init__()
        self.training, self.validation, self.fit = training, validation, fit

    def _loader(self, segments: Dataset, first: int, batches: int) -> DataLoader:
        assert self.trainer is not None
        draws = Draws(first, batches, self.fit.batch_size, self.trainer.global_rank, self.trainer.world_size)
        collate = partial(collated, fit=self.fit if segments is self.training else None)
        options: Any = {"collate_fn": collate, "pin_memory": self.trainer.strategy.root_device.type == "cuda"}
        return DataLoader(segments, batch_sampler=draws, num_workers=self.fit.workers, **options)

    def train_dataloader(self) -> DataLoader:
        assert self.trainer is not None
        done = self.trainer.global_step
        steps = min(self.fit.steps_per_epoch, self.fit.steps - done)
        per_step = self.fit.accumulate * self.fit.batch_size * self.trainer.world_size
        return self._loader(self.training, done * per_step, steps * self.fit.accumulate)

    def val_dataloader(self) -> DataLoader:
        assert self.trainer is not None
        together = self.fit.batch_size * self.trainer.world_size
        return self._loader(self.validation, 0, math.ceil(self.fit.validation_segments / together))
