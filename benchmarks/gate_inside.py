"""What `gate.py` asks in a process that imports the project: `outputs_of FOLDER`, `catalog_of ENVIRONMENT`."""

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

CLIPS = {  # channels, rate in Hz, Hz up to which it reaches, level of the notes and of the hiss, notes a second
    "speech": (1, 16_000, 3_900, 0.5, 0.003, 4.0),
    "music": (2, 44_100, 8_000, 0.5, 0.0, 1.5),
    "hissing": (2, 44_100, 6_000, 0.2, 0.02, 3.0),
    "near silence": (1, 44_100, 4_000, 0.0, 1e-5, 1.0),
    "24 kHz": (2, 24_000, 6_000, 0.5, 0.003, 2.0),
    "full band": (2, 44_100, 22_050, 0.3, 0.02, 5.0),
}
DIALS = {"steps": 4, "s_a": 1.5, "rolloff": 0.7, "noise_floor": 0.5, "seed": 3, "cutoff_hz": 3_500.0}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def without_run(text: str) -> str:
    """A text without the digits that name a training."""
    return re.sub(r"(06_models/[\w-]+/|steps \()[0-9a-f]{8,64}", r"\1<run>", text)


def clips() -> dict[str, tuple[np.ndarray, int]]:
    """Six sounds of 4 s by name: float32 [channels, samples], and the sample rate in Hz."""
    source, found = np.random.default_rng(25), {}
    for name, (channels, rate, highest_hz, level, hiss, beats) in CLIPS.items():
        t = np.arange(4 * rate) / rate
        waves = [t * (110 + 55 * channel + 30 * (t * beats // 1 % 4)) % 1 - 0.5 for channel in range(channels)]
        sound = level * np.exp(-4 * (t * beats % 1)) * waves + hiss * source.standard_normal((channels, t.size))
        spectrum = np.fft.rfft(sound) * (np.fft.rfftfreq(t.size, 1 / rate) < highest_hz)
        found[name] = np.fft.irfft(spectrum, t.size).astype(np.float32), rate
    return found


def outputs_of(model: str) -> dict[str, str]:
    """One model's outputs for `clips`, as it is set and with the dials turned."""
    from saga_kedro import super_resolve

    found = {}
    for name, (audio, rate) in clips().items():
        for how, dials in (("", {}), (", dials turned", DIALS)):
            high = super_resolve(audio, rate, model=model, **dials)
            found[name + how] = f"{high.dtype}{list(high.shape)} {digest(high.tobytes())}"
    return {"computed by": "PyTorch" if "torch" in sys.modules else "ONNX Runtime", **found}


def catalog_of(env: str) -> dict[str, str]:
    """The catalog's datasets, and their paths."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path.cwd())
    with KedroSession.create(project_path=Path.cwd(), env=env) as session:
        entries = session.load_context().config_loader["catalog"]
    values = pd.json_normalize(entries).iloc[0]
    paths = {re.sub(r"\.(data|filepath|path)\b", "", name): value for name, value in values.items() if "/" in str(value)}
    return dict.fromkeys(entries, "no path") | {name: without_run(path) for name, path in paths.items()}


if __name__ == "__main__":
    print(json.dumps({"outputs_of": outputs_of, "catalog_of": catalog_of}[sys.argv[1]](sys.argv[2])))
