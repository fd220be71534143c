"""The model of conf/paper at full size, with random weights: parameters per part, and one training step at batch 1.

    .venv/bin/python experiments/full_size_model/measure.py

Prints seconds and peak memory of this process, on the CPU, in float32. Takes 10 to 12 GB and some minutes on two cores.
"""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from saga_kedro.draws import generator
from saga_kedro.model.codec.autoencoder import STABLE_AUDIO_OPEN_VAE, Autoencoder, build_autoencoder
from saga_kedro.model.condition import Condition
from saga_kedro.model.flow import flow_loss, interpolate, target_velocity
from saga_kedro.model.network import NETWORKS
from saga_kedro.pipelines.configuration import read_parameters


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took by the clock and on the cores, and the most memory that the process has had so far."""
    start, busy = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    print(f"{what:42} {seconds:8.1f} s ({busy:6.1f} s of CPU)   peak {peak:5.1f} GiB", flush=True)


def main() -> None:
    parameters = read_parameters(Path(__file__).parents[2], "paper")
    model = parameters.model
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, float32, batch 1, {model.segment_samples} samples\n")
    with timed("build the VAE"):
        vae = random_vae()
    with timed("build T5-base's encoder"):
        t5 = random_t5()
    with timed("build the network"):
        sections = model.backbone.model_dump() | model.conditioning.model_dump()
        network = NETWORKS[model.network](vae.latent_channels, 768, **sections)

    print(f"\n{'part':42} {'parameters':>12}")
    qwen = empty_qwen2_audio()
    for name, count, trained in (
        ("DiT", millions(network.dit), "trained"),
        ("embeddings of f_l and f_h", millions(network.f_l) + millions(network.f_h), "trained"),
        ("VAE", millions(vae), "frozen"),
        ("T5-base, encoder", millions(t5), "frozen"),
        ("Qwen2-Audio-7B (shapes only)", millions(qwen), "frozen, captions only"),
    ):
        print(f"{name:42} {count:10.2f} M  {trained}")
    print()

    source = generator(0, "full size")
    audio = 0.1 * torch.randn(2, 2, model.segment_samples, generator=source)
    with timed("encode high and low with the VAE"):
        z_h, z_l = vae.encode(audio).draw([0, 1])[:, None]
    with timed("T5 states of a caption of 40 tokens"), torch.no_grad():
        states = t5(input_ids=torch.randint(32_000, (1, 40), generator=source)).last_hidden_state
    text = torch.zeros(1, model.text.max_tokens, 768)
    text[:, : states.shape[1]] = states
    condition = Condition(z_l=z_l, text=text, f_l=torch.tensor([0.2]), f_h=torch.tensor([0.8]))
    noise, t = torch.randn(z_h.shape, generator=source), torch.tensor([0.5])
    with timed(f"forward, z {list(z_h.shape)}, context {model.text.max_tokens + 2}"):
        v = network(interpolate(z_h, noise, t), t, condition)
        loss, _ = flow_loss(v, target_velocity(z_h, noise))
    with timed("backward (activations recomputed: " + str(model.backbone.checkpointing) + ")"):
        loss.backward()
    missing = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    print(f"\nloss {float(loss.detach()):.4f}; parameters without a gradient: {len(missing)}")


def random_vae() -> Autoencoder:
    """Stable Audio Open's VAE at its real width, its weights as its constructor draws them."""
    model, scale = build_autoencoder(STABLE_AUDIO_OPEN_VAE)
    return Autoencoder(model, scale)


def random_t5() -> nn.Module:
    """T5-base's encoder (google-t5/t5-base, config.json)."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=32_128, d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12)
    return T5EncoderModel(config).eval().requires_grad_(False)


def empty_qwen2_audio() -> nn.Module:
    """Qwen2-Audio-7B (Qwen/Qwen2-Audio-7B, config.json) on the meta device: shapes without memory."""
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration

    text = {
        "model_type": "qwen2",
        "hidden_size": 4096,
        "intermediate_size": 11_008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 156_032,
    }
    audio = {
        "d_model": 1280,
        "encoder_layers": 32,
        "encoder_attention_heads": 20,
        "encoder_ffn_dim": 5120,
        "max_source_positions": 1500,
        "num_mel_bins": 128,
    }
    with torch.device("meta"):
        return Qwen2AudioForConditionalGeneration(Qwen2AudioConfig(audio_config=audio, text_config=text))


def millions(module: nn.Module) -> float:
    """Parameters of a module, in millions."""
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


if __name__ == "__main__":
    main()
