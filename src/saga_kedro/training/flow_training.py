"""The training step of SAGA-SR as a Lightning module."""

from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import torch
from ema_pytorch import EMA
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, distributed
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.optim.lr_scheduler import LambdaLR

from saga_kedro.draws import seed_of
from saga_kedro.model.codec import Codec
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.condition import UNSPECIFIED, Condition
from saga_kedro.model.flow import OBJECTIVES, flow_loss
from saga_kedro.model.network import SagaNetwork
from saga_kedro.model.parts import part
from saga_kedro.parameters import Fit
from saga_kedro.training.batches import drawn, noise_of, step_draws
from saga_kedro.training.inverse_lr import LR_SCHEDULES

VALIDATION_T = (0.1, 0.3, 0.5, 0.7, 0.9)  # stable_audio_tools/training/diffusion.py, validation_timesteps


class FlowTraining(pl.LightningModule):
    """Trains the network on z_t = (1 - t) z_h + t noise towards v = noise - z_h, with z_l and the context dropped at times.

    Noise, t and dropout of an example are drawn from its name, so they do not depend on its place in a batch, on the device, or
    on earlier draws. The codec is frozen: it is no submodule, is not saved, and follows the network's device.
    """

    def __init__(self, network: SagaNetwork, codec: Codec, fit: Fit) -> None:
        super().__init__()
        self.network = network
        self.fit = fit
        self.ema = EMA(
            network,
            beta=fit.ema.beta,
            power=fit.ema.power,
            update_every=1,
            update_after_step=fit.ema.update_after_step,
            include_online_model=False,
            use_foreach=True,
        )
        self._codec = (codec,)
        self._losses: list[Tensor] = []
        self.objective = part("objective", OBJECTIVES, fit.objective)

    @property
    def codec(self) -> Codec:
        return self._codec[0]

    def configure_model(self) -> None:
        """Under `strategy: fsdp`, shards the network and its average alike: block by block, then the rest."""
        if self.device_mesh is None or isinstance(self.network, FSDPModule):
            return
        mesh = self.device_mesh["data_parallel"]
        for network in (self.network, self.ema.ema_model):
            for block in network.dit.model.transformer.layers:
                fully_shard(block, mesh=mesh)
            # Sharded again after the forward pass too: that is when the average is updated.
            fully_shard(network, mesh=mesh, reshard_after_forward=True)

    def on_fit_start(self) -> None:
        self.codec.to(self.device)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        fit, weights = self.fit, list(self.network.parameters())
        # One kernel instead of a dozen; Lightning can neither clip nor unscale for it, and on a CPU it rounds otherwise.
        fused = weights[0].is_cuda and fit.clip_gradient_norm is None and fit.precision != "16-mixed"
        optimizer = torch.optim.AdamW(weights, fit.learning_rate, fit.betas, weight_decay=fit.weight_decay, fused=fused or None)
        factor, shape = part("lr_schedule", LR_SCHEDULES, fit.lr_schedule), fit.inverse_lr
        scheduler = LambdaLR(optimizer, lambda step: factor(step, shape.inv_gamma, shape.power, shape.warmup))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @torch.no_grad()
    def latents(self, batch: dict[str, Any]) -> tuple[Posterior, Tensor]:
        """z_h's posterior and z_l [B, C, T] of a batch of segments, encoded now or before."""
        if "z_l" in batch:
            return Posterior(batch["z_h_mean"], batch["z_h_deviation"]), batch["z_l"]
        low = self.codec.encode(batch["low"])
        return self.codec.encode(batch["high"]), low.draw([seed_of("posterior z_l", name) for name in batch["low_name"]])

    @torch.no_grad()
    def encode(self, batch: dict[str, Any]) -> tuple[Tensor, Condition, Tensor]:
        """A batch of `Segments` or `CachedSegments` as z_h [B, C, T], condition, and the frames that are audio, bool [B, T]."""
        posterior, z_l = self.latents(batch)
        z_h = batch["z_h"] if "z_h" in batch else drawn(posterior, batch["name"])
        frames = torch.arange(z_h.shape[-1], device=z_h.device)
        mask = frames[None, :] * self.codec.hop < batch["valid"][:, None]
        return z_h, Condition(z_l=z_l, text=batch["text"], f_l=batch["f_l"], f_h=batch["f_h"]), mask

    def unspecified(self, condition: Condition, items: Tensor) -> Condition:
        """The condition without f_h for the given items, bool [B].

        A network that always gets the true f_h believes any prediction, errors and all. One that sometimes does without learns
        what is likely, and still obeys the dial.
        """
        return replace(condition, f_h=condition.f_h.masked_fill(items, UNSPECIFIED))

    def share(self, mask: Tensor) -> Tensor | float:
        """The weight of this process's mean, so that the mean over processes is the mean over their frames, which may differ.

        ``mask`` is bool [B, T], the frames that count.
        """
        if not (distributed.is_available() and distributed.is_initialized()):
            return 1.0
        own = mask.sum(dtype=torch.float32)
        together = own.clone()
        distributed.all_reduce(together)
        return own * distributed.get_world_size() / together.clamp(min=1)

    def training_step(self, batch: dict[str, Any], batch_index: int) -> Tensor:
        z_h, condition, mask = self.encode(batch)
        own = {} if "noise" in batch else step_draws(self.fit, batch["name"], z_h.shape[1:])
        draws = batch | move_data_to_device(own, z_h.device)
        mean = draws["mean"]
        # From no noise at t = 1 the velocity that loses least is minus the mean of z_h given the condition; with
        # `mean_huber_delta`, minus something between mean and median.
        noise = draws["noise"].to(z_h).masked_fill(mean[:, None, None], 0)
        t = draws["t"].to(z_h).masked_fill(mean, 1)
        z_t, condition = self.objective.interpolate(z_h, noise, t), self.unspecified(condition, draws["unspecified"])
        v = self.network(z_t, t, condition, drop_z_l=draws["drop_z_l"], drop_context=draws["drop_context"])
        loss, _ = flow_loss(v, self.objective.target(z_h, noise), mask, mean, self.fit.mean_huber_delta)
        loss = loss * self.share(mask)
        self._losses.append(loss.detach())
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        # Of all the batches that the step accumulates, on all devices.
        self.log("train/loss", torch.stack(self._losses).mean(), prog_bar=True, sync_dist=True)
        self._losses.clear()

    def on_before_zero_grad(self, optimizer: torch.optim.Optimizer) -> None:
        # As in stable-audio-tools, before the next step's gradients: the saved average lacks the last step.
        self.ema.update()

    def validation_step(self, batch: dict[str, Any], batch_index: int) -> None:
        z_h, condition, mask = self.encode(batch)
        noise = noise_of(batch["name"], z_h.shape[1:], "validation noise").to(z_h)
        target = self.objective.target(z_h, noise)
        losses, share = {}, self.share(mask)
        for level in VALIDATION_T:
            t = torch.full((len(z_h),), level, device=z_h.device)
            loss, _ = flow_loss(self.network(self.objective.interpolate(z_h, noise, t), t, condition), target, mask)
            losses[f"val/loss/t{level}"] = loss * share
        if self.fit.mean_share:
            if self.fit.unspecified_share:
                condition = self.unspecified(condition, torch.ones_like(condition.f_h, dtype=torch.bool))
            mean = -self.network(torch.zeros_like(z_h), torch.ones(len(z_h), device=z_h.device), condition)
            self.log("val/mean_error", flow_loss(mean, z_h, mask)[0] * share, batch_size=len(z_h), sync_dist=True)
        self.log_dict(losses, batch_size=len(z_h), sync_dist=True)
        self.log("val/loss", torch.stack([*losses.values()]).mean(), prog_bar=True, batch_size=len(z_h), sync_dist=True)
