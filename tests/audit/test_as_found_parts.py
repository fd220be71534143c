"""Each of the failing code's variants differs from the right part in what its name says, and in nothing else."""

import math
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from scipy import signal
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from saga_kedro.audio.low_band import LOW_BANDS
from saga_kedro.audio.lowpass import LOW_PASSES, LowPass
from saga_kedro.audio.resample import CHANNELS
from saga_kedro.audio.rolloff import ROLLOFFS
from saga_kedro.audit import as_found  # noqa: F401  registers them
from saga_kedro.audit.as_found.metrics import flattened, lsd_in_decibels, reported, si_sdr_centred
from saga_kedro.audit.as_found.network import PathsNetwork
from saga_kedro.audit.loss_scale import loss_scales
from saga_kedro.model.codec import CODECS
from saga_kedro.model.condition import Condition
from saga_kedro.model.flow import OBJECTIVES
from saga_kedro.model.guidance import GUIDANCE
from saga_kedro.model.initialise import initialise_by_name
from saga_kedro.model.network import SagaNetwork
from saga_kedro.model.sampler import SAMPLERS
from saga_kedro.model.schedule import SCHEDULES
from saga_kedro.training.inverse_lr import LR_SCHEDULES, inverse_lr_factor


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def condition(batch: int = 2, channels: int = 6) -> Condition:
    return Condition(
        draws(batch, channels, 8), draws(batch, 5, 16, seed=1), torch.full((batch,), 0.2), torch.full((batch,), 0.8)
    )


def network(kind: type[SagaNetwork] = SagaNetwork, **options) -> Any:
    made = kind(6, 16, embed_dim=64, depth=1, num_heads=2, **options)
    initialise_by_name(made, 0)
    with torch.no_grad():  # output layers start at zero, and would hide every difference
        for name, parameter in made.named_parameters():
            if not parameter.any():
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))) / 20)
    return made.eval()


def velocity(made: SagaNetwork, **flags) -> torch.Tensor:
    with torch.no_grad():
        return made(draws(2, 6, 8, seed=2), torch.tensor([0.3, 0.7]), condition(), **flags)


@pytest.mark.parametrize("path", ["added", "prepend_token", "prepend_identity", "none"])
def test_another_global_path_changes_the_global_input_only(path):
    right, other = network(), network(PathsNetwork, rolloff_global=path)
    ours, theirs = right.inputs(condition()), other.inputs(condition())
    for name in ("input_concat_cond", "cross_attn_cond"):
        assert torch.equal(ours[name], theirs[name])
    assert "global_cond" not in theirs if path == "none" else not torch.equal(ours["global_cond"], theirs["global_cond"])
    assert not torch.allclose(velocity(right), velocity(other))


def test_the_network_of_other_paths_is_the_right_one_by_default_and_shares_its_weights_on_every_path():
    assert torch.equal(velocity(network(PathsNetwork)), velocity(network()))
    right = dict(network().named_parameters())
    for name, value in network(PathsNetwork, rolloff_global="prepend_token", rolloff_tokens="joint").named_parameters():
        assert name not in right or torch.equal(value, right[name])


def test_a_prepended_token_holds_the_timestep_beside_the_global_one():
    made = network(PathsNetwork, rolloff_global="prepend_token")
    seen: dict[str, torch.Tensor] = {}
    made.dit.model.to_prepend_embed.register_forward_hook(lambda module, inputs, output: seen.update(token=inputs[0]))
    velocity(made)
    dit = made.dit.model
    timestep = dit.to_timestep_embed(dit.timestep_features(torch.tensor([[0.3], [0.7]])))
    rest = made.to_prepend(torch.cat([made.f_l(condition().f_l), made.f_h(condition().f_h)], dim=-1))
    torch.testing.assert_close(seen["token"][:, 0], timestep + rest)


def test_a_joint_token_is_one_token():
    made = network(PathsNetwork, rolloff_tokens="joint")
    assert made.inputs(condition())["cross_attn_cond"].shape == (2, 5 + 1, 16)
    assert torch.equal(made.inputs(condition())["input_concat_cond"], condition().z_l)


def test_an_empty_caption_takes_the_place_of_a_dropped_one_and_leaves_the_rest():
    made = network(PathsNetwork, text_null="empty_string")
    states = draws(2, 16, seed=5)
    made.set_empty_caption(states)
    context = made.inputs(condition(), drop_context=torch.tensor([True, False]))["cross_attn_cond"]
    assert torch.equal(context[0, :2], states)
    assert not context[0, 2:5].any()
    assert context[0, 5:].any()
    assert torch.equal(context[1, :5], condition().text[1])


def guided(name: str, made) -> torch.Tensor:
    with torch.no_grad():
        return GUIDANCE[name](made, draws(2, 6, 8, seed=2), torch.tensor([0.3, 0.7]), condition(), 1.4, 1.2)


def branch(made: SagaNetwork, z_l: bool, text: bool) -> torch.Tensor:
    flags = torch.tensor([not z_l] * 2), torch.tensor([not text] * 2)
    return velocity(made, drop_z_l=flags[0], drop_context=flags[1])


def test_guidance_as_quoted_is_the_documents_formula():
    made = network()
    u, u_a, u_t = branch(made, False, False), branch(made, True, False), branch(made, True, True)
    torch.testing.assert_close(guided("as_quoted", made), u + 1.4 * (u_a - u) + 1.2 * (u_t - u), atol=1e-5, rtol=1e-5)


def test_guidance_with_z_l_everywhere_never_drops_z_l():
    made, seen = network(), []
    forward = made.dit.forward

    def watch(z_t, t, **inputs):
        seen.append(inputs)
        return forward(z_t, t, **inputs)

    made.dit.forward = watch
    guided("z_l_everywhere", made)
    assert all(torch.equal(inputs["input_concat_cond"], condition().z_l) for inputs in seen)
    assert [inputs.get("global_cond") is not None for inputs in seen] == [False, True, True]


def test_guidance_with_the_roll_off_isolated_differs_from_equation_4_in_the_unconditional_branch_only():
    made = network()
    u = made.dit(draws(2, 6, 8, seed=2), torch.tensor([0.3, 0.7]), input_concat_cond=torch.full((2, 6, 8), -5.0)).detach()
    difference = guided("rolloff_isolated", made) - guided("eq4", made)
    torch.testing.assert_close(difference, (1 - 1.4) * (u - branch(made, False, False)), atol=1e-5, rtol=1e-4)


def test_the_papers_convention_is_trained_to_the_mirror_image_and_the_second_documents_objective_is_the_right_one():
    right, paper, hand = (OBJECTIVES[name] for name in ("rectified_flow", "noise_first", "by_hand"))
    z_h, noise, t = draws(2, 3, 4), draws(2, 3, 4, seed=1), torch.tensor([0.2, 0.9])
    torch.testing.assert_close(paper.interpolate(z_h, noise, t), right.interpolate(z_h, noise, 1 - t))
    torch.testing.assert_close(paper.target(z_h, noise), -right.target(z_h, noise))
    assert torch.equal(hand.interpolate(z_h, noise, t), right.interpolate(z_h, noise, t))
    assert torch.equal(hand.target(z_h, noise), right.target(z_h, noise))


def test_sampling_backwards_is_the_papers_network_in_the_other_sampler():
    schedule = SCHEDULES["linear"](5)
    noise = draws(1, 2, 3)

    def network_of_ours(z, t):
        return z * t[:, None, None] + 0.5

    def network_of_the_papers_convention(z, t):
        return -network_of_ours(z, 1 - t)

    expected = SAMPLERS["euler"](network_of_the_papers_convention, noise, schedule)
    torch.testing.assert_close(SAMPLERS["time_reversed"](network_of_ours, noise, schedule), expected)


def test_sampling_as_v_is_what_the_library_does():
    from stable_audio_tools.inference.sampling import sample as sample_v

    noise = draws(1, 2, 3)

    def network_of_v(z, t, **_):
        return 0.3 * z + t[:, None, None]

    ours = SAMPLERS["as_v"](network_of_v, noise, SCHEDULES["linear"](6))
    torch.testing.assert_close(ours, sample_v(network_of_v, noise, 6, eta=0.0), atol=1e-5, rtol=1e-5)


def test_the_low_band_below_200_hz_is_the_inputs_or_none_is():
    generated, low = draws(1, 2, 44_100), draws(1, 2, 44_100, seed=1)
    assert torch.equal(LOW_BANDS["none"](generated, low, 4_000.0), generated)
    spectrum = torch.fft.rfft(LOW_BANDS["below_200_hz"](generated, low, 4_000.0))
    torch.testing.assert_close(spectrum[..., :201], torch.fft.rfft(low)[..., :201], atol=1e-2, rtol=1e-3)
    torch.testing.assert_close(spectrum[..., 201:], torch.fft.rfft(generated)[..., 201:], atol=1e-2, rtol=1e-3)


def test_the_failing_low_pass_ripples_and_becomes_a_butterworth_of_order_4_where_it_cannot_be_applied():
    noise = np.random.default_rng(0).standard_normal((2, 44_100)).astype(np.float32)
    filtered = LOW_PASSES["transfer_functions"](noise, 44_100, LowPass("elliptic", 6, 4_000))
    assert filtered.shape == noise.shape
    assert not np.allclose(filtered, LOW_PASSES["authors"](noise, 44_100, LowPass("elliptic", 6, 4_000)), atol=1e-2)
    short = noise[:, :20]
    filtered = LOW_PASSES["transfer_functions"](short, 44_100, LowPass("bessel", 10, 8_000))
    np.testing.assert_allclose(filtered, signal.filtfilt(*signal.butter(4, 8_000, fs=44_100), short), atol=1e-6)


def test_one_channel_copied_is_the_mean_twice():
    audio = np.stack([np.ones(4), np.zeros(4)]).astype(np.float32)
    assert np.array_equal(CHANNELS["one_channel_copied"](audio), np.full((2, 4), 0.5, np.float32))


def test_without_warm_up_the_rate_is_full_at_once_and_the_same_later():
    arguments: dict[str, Any] = {"inv_gamma": 1e6, "power": 0.5, "warmup": 0.99}
    factor: Any = LR_SCHEDULES["without_warmup"]
    assert factor(0, **arguments) == pytest.approx(0.99)
    assert inverse_lr_factor(0, **arguments) == pytest.approx(0.01)
    assert factor(2_000, **arguments) == pytest.approx(0.99 * inverse_lr_factor(2_000, **arguments), rel=1e-6)


def test_a_random_vae_encodes_noise_the_same_every_time_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    codec, again = (CODECS["random_autoencoder"](hop=1024) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    audio = draws(1, 2, 16_384) / 10
    posterior = codec.encode(audio)
    assert torch.equal(posterior.mean, again.encode(audio).mean)
    assert posterior.mean.shape == (1, 64, 16)
    assert posterior.deviation.mean() == pytest.approx(math.log(2), abs=0.05)
    one, other = posterior.draw([1]), posterior.draw([2])
    centred = [z - z.mean(dim=-1, keepdim=True) for z in (one, other)]
    assert abs(float(torch.corrcoef(torch.stack([z.flatten() for z in centred]))[0, 1])) < 0.2
    assert not codec.training
    assert not any(parameter.requires_grad for parameter in codec.parameters())


def test_item_k_of_a_flattened_batch_lies_k_shifts_early():
    references = [np.full((2, 100), index, np.float32) + np.arange(100, dtype=np.float32) / 1000 for index in range(3)]
    reference, estimate = flattened(references, references, shift=10)
    assert reference.shape == (270,)
    assert np.array_equal(estimate[:90], reference[:90])
    assert estimate[90] == references[1][0, 0]
    assert reference[100] == references[1][0, 0]


def test_a_perfect_batch_scores_badly_when_it_is_flattened_and_shifted():
    references = [np.random.default_rng(k).standard_normal((2, 20_000)).astype(np.float32) for k in range(4)]
    sdr = reported(references, references)["SDR"]
    assert sdr["per_item"] > 50
    assert sdr["flattened"] < 0


def test_the_loss_scale_halves_on_overflow_and_doubles_after_good_steps():
    assert loss_scales([0.1, 2.0, 0.1]).tolist() == [65_536, 65_536, 32_768]
    assert loss_scales([0.1] * 5, interval=2).tolist() == [65_536, 65_536, 131_072, 131_072, 262_144]


def test_lsd_in_decibels_is_twenty_for_a_factor_of_ten_and_reflects_its_ends_as_torch_does():
    reference, estimate = draws(2, 20_000).numpy() / 10
    assert lsd_in_decibels(reference, reference) == 0
    assert lsd_in_decibels(reference, reference * 10) == pytest.approx(20, rel=1e-4)
    window = torch.hann_window(2_048)
    spectra = torch.stft(torch.tensor(np.stack([reference, estimate])), 2_048, 512, window=window, return_complex=True)
    levels = torch.log10(spectra.abs() + 1e-8)
    expected = 20 * (levels[0] - levels[1]).square().mean().sqrt()
    assert lsd_in_decibels(reference, estimate) == pytest.approx(float(expected), rel=1e-5)


def test_the_reported_si_sdr_forgives_an_offset_and_stays_finite():
    s, s_hat = draws(2, 20_000, seed=3).numpy()
    expected = scale_invariant_signal_distortion_ratio(torch.tensor(s_hat + s), torch.tensor(s), zero_mean=True)
    assert si_sdr_centred(s + 5, s_hat + s - 3) == pytest.approx(float(expected), abs=1e-3)
    assert si_sdr_centred(s, s) == pytest.approx(10 * math.log10(1e8 * float(np.square(s - s.mean()).sum())), abs=1e-3)
    assert si_sdr_centred(np.zeros(100), s[:100]) == -math.inf


def test_the_roll_off_of_the_power_is_the_first_bin_that_reaches_the_share_and_lies_below_that_of_the_magnitude():
    audio = draws(2, 2, 30_000, seed=4).numpy()
    tone = 0.02 * audio + np.sin(2 * math.pi * 500 * np.arange(30_000) / 44_100).astype(np.float32)
    assert (ROLLOFFS["power"](tone) < ROLLOFFS["magnitude"](torch.tensor(tone))).all()
    assert ROLLOFFS["power"](torch.tensor([1.0, -1.0]).repeat(4_096)[None, None]).item() == pytest.approx(0.999)
    for item, value in zip(audio, ROLLOFFS["power"](audio).tolist(), strict=True):
        spectrum = librosa.stft(item.mean(axis=0), n_fft=2_048, hop_length=512, pad_mode="reflect")
        accumulated = np.cumsum((np.abs(spectrum) ** 2).sum(axis=1))
        assert value * 1_024 == pytest.approx(int(np.argmax(accumulated >= 0.985 * accumulated[-1])), abs=1e-3)
