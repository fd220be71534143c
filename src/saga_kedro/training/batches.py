"""Batches of segments, as Lightning asks for them."""

import math
from collections.abc import Iterator

import lightning.pytorch as pl
from torch.utils.data import DataLoader, Dataset, Sampler

from saga_kedro.parameters import Fit


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
        return DataLoader(segments, batch_sampler=draws, num_workers=self.fit.workers)

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
