"""Lightning's view of the segments."""

from __future__ import annotations

import lightning.pytorch as pl
from torch.utils.data import DataLoader, Dataset

from saga_kedro.parameters import Fit
from saga_kedro.training.segments import Draws, collate


class SegmentBatches(pl.LightningDataModule):
    """An epoch is the steps up to the next validation and checkpoint.

    Draws continue where the trainer's step counter says, so a resumed training sees what it would have seen.

    Args:
        training, validation: segments of the two splits.
        fit: the section of parameters.
    """

    def __init__(self, training: Dataset, validation: Dataset, fit: Fit) -> None:
        super().__init__()
        self.training, self.validation, self.fit = training, validation, fit

    def _loader(self, segments: Dataset, draws: Draws) -> DataLoader:
        return DataLoader(segments, batch_sampler=draws, collate_fn=collate, num_workers=self.fit.workers)

    def train_dataloader(self) -> DataLoader:
        assert self.trainer is not None
        steps = min(self.fit.steps_per_epoch, self.fit.steps - self.trainer.global_step)
        per_step = self.fit.accumulate * self.fit.batch_size * self.trainer.world_size
        return self._loader(
            self.training,
            Draws(
                first=self.trainer.global_step * per_step,
                batches=steps * self.fit.accumulate,
                batch_size=self.fit.batch_size,
                rank=self.trainer.global_rank,
                world_size=self.trainer.world_size,
            ),
        )

    def val_dataloader(self) -> DataLoader:
        assert self.trainer is not None
        together = self.fit.batch_size * self.trainer.world_size
        batches = -(-self.fit.validation_segments // together)
        return self._loader(
            self.validation, Draws(0, batches, self.fit.batch_size, self.trainer.global_rank, self.trainer.world_size)
        )
