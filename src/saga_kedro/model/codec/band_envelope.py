"""A channel vocoder as a codec without weights: latents are the log energies of a few bands, decoding shapes an excitation
with them.

It keeps no waveform: it stands for the VAE where a machine has no weights, and low-frequency replacement restores the true
low band after it, as after the VAE.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from saga_kedro.model.codec.bands import band_edges
from saga_kedro.model.codec.excitation import copy_up, noise, smooth_noise
from saga_kedro.model.codec.mid_side import to_left_right, to_mid_side
from saga_kedro.model.codec.overlap import add_frames, cut_frames, magnitude, overlap_weight
from saga_kedro.model.codec.posterior import Posterior
from saga_kedro.model.codec.precision import working_dtype

Excitation = Literal["noise", "smooth_noise", "copy_up"]

N_FFT = 2048
LOUDEST_DB = 30.0
"""A sine at full scale reaches 25 dB in its bin; a generated latent above this is cut, so that audio stays finite."""
FLOOR_DB = -100.0
"""Quieter bands are taken to be this loud: the quantisation noise of 16 bits (-101 dB), under which files carry nothing."""
SILENCE_DB = -120.0
"""What all bands of a silent frame are set to: one deviation of the latents under the floor, so that it cannot be confused."""
SILENT_POWER = 1e-14
"""A frame with a mean square under this (-140 dB, the rounding of float32 beside full scale) is silent."""
CENTRE_DB, SLOPE_DB, CORNER_HZ = -26.5, -14.8, 1600.0
"""Mean level of a band at f Hz: CENTRE_DB + SLOPE_DB log2(1 + f / CORNER_HZ). Fitted by least squares to 180 three-second
excerpts of the mid of real speech, music and effects, equal shares (residual 2.6 dB over frequency)."""
SCALE_DB = 20.0
"""Deviation of a band's level over the same excerpts (19 to 20 dB)."""


class BandEnvelope(nn.Module):
    """Band levels of mid and side, 2 x ``bands`` latent channels, one latent for each ``hop`` samples.

    A band's level is the mean magnitude of its bins in dB, 0 dB for white noise of unit variance whose magnitudes were all
    equal. Magnitudes rather than powers: a band with one partial is not smeared to that partial's full power, which lowers
    LSD on music by 5 to 7 %. The latent is (level - centre(f)) / 20 dB, so that typical audio has mean 0 and deviation 1.

    Decoding gives an excitation with mean magnitude 1 these levels, interpolated in dB between band centres and between frames.

    Attributes:
        sample_rate: Hz.
        audio_channels: 2.
        latent_channels: 2 x bands; mid first, low bands first.
        hop: samples a latent.
        silence: [latent_channels], the latent of digital silence; it decodes to exact zeros.
        excitation: what the envelope shapes; may be changed at any time.
    """

    silence: Tensor
    window: Tensor
    averaging: Tensor
    interpolation: Tensor
    centre: Tensor
    hertz: Tensor

    def __init__(
        self,
        bands: int = 64,
        hop: int = 1024,
        excitation: Excitation = "noise",
        corner_hz: float = 8000.0,
        sample_rate: int = 44_100,
    ) -> None:
        """Args:
            bands: for each of mid and side.
            hop: samples a latent: 512 or 1,024.
            excitation: ``noise``, ``smooth_noise`` or ``copy_up`` (needs ``low`` at decoding): see `excitation`.
            corner_hz: bands are about equal below it and logarithmic above: see `band_edges`.
            sample_rate: Hz.

        Raises:
            ValueError: an unknown excitation, another hop, or bands too narrow to hold a bin.
        """
        super().__init__()
        if hop not in (512, 1024):
            raise ValueError(f"The band-envelope codec's hop is 512 or 1024 samples, not {hop}.")
        if excitation not in ("noise", "smooth_noise", "copy_up"):
            raise ValueError(f"The excitation is noise, smooth_noise or copy_up, not {excitation!r}.")
        self.sample_rate = sample_rate
        self.audio_channels = 2
        self.bands = bands
        self.latent_channels = 2 * bands
        self.hop = hop
        self.synthesis_hop = 512
        self.excitation: Excitation = excitation

        bins = N_FFT // 2 + 1
        edges = torch.from_numpy(band_edges(bands, bins, sample_rate, corner_hz))
        widths = edges.diff()
        band_of_bin = torch.arange(bands).repeat_interleave(widths)
        middles = (edges[:-1] + edges[1:] - 1) / 2
        hertz = middles * sample_rate / N_FFT
        for name, value in {
            "window": torch.hann_window(N_FFT),
            "averaging": functional.one_hot(band_of_bin, bands) / widths,
            "interpolation": _linear_interpolation(middles, bins),
            "hertz": hertz,
            "centre": CENTRE_DB + SLOPE_DB * torch.log2(1 + hertz / CORNER_HZ),
        }.items():
            self.register_buffer(name, value.float(), persistent=False)
        self.register_buffer("silence", ((SILENCE_DB - self.centre) / SCALE_DB).repeat(2), persistent=False)
        self.eval()

    @torch.no_grad()
    def encode(self, audio: Tensor) -> Posterior:
        """Band levels of ``audio``.

        Args:
            audio: [B, 2, N], in [-1, 1].

        Returns:
            The exact posterior, [B, 2 bands, ceil(N / hop)], in the audio's dtype; computed in float32, or float64 if that
            is given.
        """
        work = audio.to(working_dtype(audio))
        with torch.autocast(audio.device.type, enabled=False):
            window = self.window.to(work)
            frames = cut_frames(to_mid_side(work), N_FFT, self.hop) * window
            energy = window.square().sum()
            silent = torch.linalg.vector_norm(frames, dim=-1) < (SILENT_POWER * energy).sqrt()
            mean_magnitude = magnitude(torch.fft.rfft(frames)) @ self.averaging.to(work) / energy.sqrt()
            level = 20 * torch.log10(mean_magnitude.clamp(min=1e-9))
            level = level.clamp(min=FLOOR_DB).masked_fill(silent[..., None], SILENCE_DB)
            latents = (level - self.centre.to(work)) / SCALE_DB
        return Posterior.exact(latents.transpose(-1, -2).flatten(1, 2).to(audio))

    @torch.no_grad()
    def decode(
        self,
        z: Tensor,
        seeds: Sequence[int] | None = None,
        low: Tensor | None = None,
        first: int = 0,
        cutoff_hz: float | None = None,
    ) -> Tensor:
        """Audio with the band levels ``z``.

        A frame of mid or side whose levels lie, on the average, nearer to silence than to the floor is exactly zero;
        frames overlap, so the half frame beside a sounding one still rings.

        Args:
            z: [B, 2 bands, T].
            seeds: of the noise, one an item; None is seed 0 for every item.
            low: the low-resolution input, [B, 2, N], for the excitation ``copy_up``.
            first: which frame of a longer signal z starts with: its parts, decoded by themselves, get the noise of the whole.
            cutoff_hz: of ``low``, for ``copy_up``; None measures it.

        Returns:
            [B, 2, T hop], in the dtype of ``z``.

        Raises:
            ValueError: ``copy_up`` without ``low``, or another number of seeds than items.
        """
        seeds = [0] * len(z) if seeds is None else list(seeds)
        if len(seeds) != len(z):
            raise ValueError(f"A batch of {len(z)} needs as many seeds to be decoded, {len(seeds)} were given.")
        work = z.to(working_dtype(z))
        with torch.autocast(z.device.type, enabled=False):
            level = work.unflatten(1, (2, self.bands)).transpose(-1, -2) * SCALE_DB + self.centre.to(work)
            sounding = level.mean(-1) > (FLOOR_DB + SILENCE_DB) / 2
            level = level.clamp(FLOOR_DB, LOUDEST_DB)
            repeat = self.hop // self.synthesis_hop
            if repeat > 1:
                level = functional.interpolate(level.flatten(0, 1).mT, scale_factor=repeat, mode="linear").mT.unflatten(
                    0, (-1, 2)
                )
                sounding = sounding.repeat_interleave(repeat, dim=-1)
            gain = 10 ** ((level @ self.interpolation.to(work)) / 20) * sounding[..., None]
            spectra = self._excite(seeds, low, gain.shape[-2], work, first * repeat, cutoff_hz) * gain
            window = self.window.to(work)
            frames = torch.fft.irfft(spectra * window.square().sum().sqrt()) * window
            audio = add_frames(frames, self.synthesis_hop) / overlap_weight(window, self.synthesis_hop, frames.shape[-2])
        return to_left_right(audio).to(z)

    def with_noise(self, z: Tensor, z_l: Tensor, power: Tensor, hertz: Tensor) -> Tensor:
        """Latents of audio to which stationary noise is added: band levels add up as powers.

        Args:
            z: [C, T].
            z_l: [C, T], of the input; frames of mid or side that are silent there get no noise.
            power: [T, 2 (mid, side), F], mean power of the noise in a bin, 1 for white noise of unit variance.
            hertz: [F] rising frequencies at which that is known; between them it is interpolated.

        Returns:
            [C, T].
        """
        nearest = torch.searchsorted(hertz, self.hertz.to(hertz)).clamp(1, len(hertz) - 1)
        share = ((self.hertz.to(hertz) - hertz[nearest - 1]) / (hertz[nearest] - hertz[nearest - 1])).clamp(0, 1)
        noise = power[..., nearest - 1] * (1 - share) + power[..., nearest] * share
        amplitude = (math.pi / 4 * noise).permute(1, 2, 0)  # the squared mean magnitude of Gaussian noise, [2, bands, T]
        centre = self.centre.to(z)[:, None]
        sounding = (z_l.unflatten(0, (2, -1)) * SCALE_DB + centre).mean(1, keepdim=True) > (FLOOR_DB + SILENCE_DB) / 2
        level = z.unflatten(0, (2, -1)) * SCALE_DB + centre
        noisy = 10 * torch.log10(10 ** (level.clamp(min=FLOOR_DB) / 10) + amplitude.to(z))
        return ((torch.where(sounding & (amplitude.to(z) > 0), noisy, level) - centre) / SCALE_DB).flatten(0, 1)

    def _excite(
        self, seeds: list[int], low: Tensor | None, frames: int, like: Tensor, first: int, cutoff_hz: float | None
    ) -> Tensor:
        window, hop = self.window.to(like), self.synthesis_hop
        samples = frames * hop
        if self.excitation == "noise":
            return noise(seeds, window, hop, samples, first * hop)
        if self.excitation == "smooth_noise":
            return smooth_noise(seeds, window, hop, samples, first * hop)
        if low is None:
            raise ValueError("The excitation copy_up needs the low-resolution input: decode(z, seeds, low=audio).")
        return copy_up(low, self.sample_rate, seeds, window, hop, samples, first * hop, cutoff_hz)


def _linear_interpolation(middles: Tensor, bins: int) -> Tensor:
    """[bands, bins] weights that interpolate linearly between band middles (bins) and hold the first and last level beyond
    them."""
    position = torch.arange(bins).clamp(middles[0], middles[-1])
    left = (torch.searchsorted(middles, position, right=True) - 1).clamp(0, len(middles) - 2)
    share = (position - middles[left]) / (middles[left + 1] - middles[left])
    weights = torch.zeros(len(middles), bins)
    weights.scatter_(0, left[None], (1 - share)[None])
    weights.scatter_(0, left[None] + 1, share[None])
    return weights
