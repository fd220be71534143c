"""How fast `saga super-resolve` is, start-up and all, and in how much memory, against the length of a file.

    python benchmarks/super_resolve_speed.py [--model FOLDER] [--fast] [--seconds 5 10 60 600 3600] [--torch] [--json]

Each length is a separate process: stereo FLAC at 44.1 kHz with nothing above 4 kHz in, FLAC out. The light package is
enough to run it; --torch computes in PyTorch instead of ONNX Runtime.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from saga_kedro.audio.lowpass import LowPass, low_pass

ROOT = Path(__file__).parents[1]
RATE = 44_100
IN_TORCH = "import sys, onnxruntime\nfrom saga_kedro.model import loading\nloading.find_spec = lambda name: name == 'torch'\n"
COMMAND = "from saga_kedro.cli import app\napp()\n"


def write_muffled(path: Path, seconds: float) -> None:
    """Bursts of noise under 4 kHz, different in both channels, minute by minute."""
    random = np.random.default_rng(0)
    left = round(seconds * RATE)
    with soundfile.SoundFile(str(path), "w", RATE, 2, "PCM_24") as file:
        while left > 0:
            samples = min(left, 60 * RATE)
            envelope = 0.02 + 0.1 * np.abs(np.sin(np.arange(samples) * 2 * np.pi * 1.5 / RATE))
            noise = low_pass(envelope * random.standard_normal((2, samples)), RATE, LowPass("chebyshev", 8, 4_000))
            file.write(np.clip(noise, -1, 1).T)
            left -= samples


def measure(source: Path, out: Path, options: list[str], in_torch: bool) -> dict[str, float]:
    """Super-resolve one file in a process: its seconds, and the largest memory of it and the ones before, in MB."""
    program = (IN_TORCH if in_torch else "") + COMMAND
    began = time.perf_counter()
    command = [sys.executable, "-c", program, "super-resolve", str(source), "-o", str(out), "--overwrite", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"audio_s": soundfile.info(str(source)).duration, "seconds": seconds, "peak_MB": peak / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="folder of a trained model")
    parser.add_argument("--fast", action="store_true", help="at most four evaluations of the network")
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 10, 60, 600, 3_600], help="of audio, rising")
    parser.add_argument("--torch", action="store_true", help="PyTorch instead of ONNX Runtime")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    options = [*(["--model", asked.model] if asked.model else []), *(["--fast"] if asked.fast else [])]
    rows = []
    if not asked.json:
        print("| audio | seconds | times real time | peak memory, MB |\n| ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory(dir=ROOT) as folder:  # on a disk: /tmp may be memory
        for seconds in sorted(asked.seconds):
            source = Path(folder) / "in.flac"
            write_muffled(source, seconds)
            row = measure(source, Path(folder) / "out", options, asked.torch)
            rows.append(row)
            if not asked.json:
                speed = row["audio_s"] / row["seconds"]
                print(f"| {row['audio_s']:.0f} s | {row['seconds']:.2f} | {speed:.1f} | {row['peak_MB']:.0f} |", flush=True)
    if asked.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
