"""How fast files are super-resolved, and in how much memory, against their length.

    .venv/bin/python benchmarks/super_resolve_speed.py [--model FOLDER] [--fast] [--minutes 0.17 1 10 60] [--threads 2] [--json]

Each length is a process of its own: stereo FLAC at 44.1 kHz with nothing above 4 kHz in, FLAC out. Without shipped weights and
without --model, a model of conf/base with random weights is timed: speed does not depend on what the weights are.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RATE = 44_100


def write_muffled(path: Path, minutes: float) -> None:
    """Bursts of noise under 4 kHz, different in both channels, minute by minute."""
    import numpy as np
    import soundfile
    from scipy.signal import butter, sosfilt

    random = np.random.default_rng(0)
    filters = butter(10, 4_000, fs=RATE, output="sos")
    state = np.zeros((filters.shape[0], 2, 2))
    left = round(minutes * 60 * RATE)
    with soundfile.SoundFile(str(path), "w", RATE, 2, "PCM_24") as file:
        while left > 0:
            samples = min(left, 60 * RATE)
            envelope = 0.02 + 0.1 * np.abs(np.sin(np.arange(samples) * 2 * np.pi * 1.5 / RATE))
            noise, state = sosfilt(filters, envelope * random.standard_normal((2, samples)), zi=state)
            file.write(np.clip(noise, -1, 1).T)
            left -= samples


def random_model(folder: Path) -> None:
    """A model of conf/base, untrained."""
    import torch
    import yaml

    from saga_kedro.model.initialise import initialise_by_name
    from saga_kedro.model.saga_sr import SagaSR

    parameters = yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text())
    saga = SagaSR({**parameters["model"], "sample": parameters["sample"]})
    initialise_by_name(saga.network, 0)
    source = torch.Generator().manual_seed(0)
    width = 2 * saga.codec.latent_channels
    saga.rolloff_predictor.fit(torch.randn(2 * width, width, generator=source), torch.rand(2 * width, generator=source))
    saga.save_pretrained(folder)


def measure(model: str, source: str, target: str, fast: bool, threads: int) -> dict[str, float]:
    """Super-resolve one file in this process: seconds to load, seconds to work, peak memory in GB."""
    import torch

    torch.set_num_threads(threads)
    from saga_kedro.model.saga_sr import SagaSR
    from saga_kedro.use.one_file import Settings, super_resolve_file
    from saga_kedro.use.places import Job

    began = time.perf_counter()
    saga = SagaSR.from_pretrained(model or None)
    loaded = time.perf_counter()
    outcome = super_resolve_file(saga, Job(Path(source), Path(target)), Settings(fast=fast))
    if outcome.status != "super-resolved":
        raise SystemExit(f"{outcome.status}: {outcome.why}")
    worked = time.perf_counter() - loaded
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    return {"load_s": loaded - began, "seconds": worked, "audio_s": outcome.duration_s, "peak_GB": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="", help="folder of a trained model")
    parser.add_argument("--fast", action="store_true", help="at most four evaluations of the network")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1 / 6, 1, 10, 60])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("IN", "OUT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.model, *asked.one, asked.fast, asked.threads)))
        return

    from saga_kedro.model.saved import SHIPPED, WEIGHTS

    with tempfile.TemporaryDirectory(dir=ROOT) as folder:  # on a disk: /tmp may be memory
        if not asked.model and not (SHIPPED / WEIGHTS).is_file():
            asked.model = str(Path(folder) / "model")
            random_model(Path(asked.model))
        environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(asked.threads))}
        rows = []
        for minutes in asked.minutes:
            source, target = Path(folder) / "in.flac", Path(folder) / "out.flac"
            write_muffled(source, minutes)
            target.unlink(missing_ok=True)
            options = ["--model", asked.model, "--threads", str(asked.threads), *(["--fast"] if asked.fast else [])]
            command = [sys.executable, __file__, *options, "--one", str(source), str(target)]
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            if not asked.json:
                row = rows[-1]
                if len(rows) == 1:
                    print("| audio | seconds | times real time | peak memory, GB |\n| --- | --- | --- | --- |")
                speed = row["audio_s"] / row["seconds"]
                print(f"| {row['audio_s']:.0f} s | {row['seconds']:.1f} | {speed:.1f} | {row['peak_GB']:.2f} |", flush=True)
        if asked.json:
            print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
