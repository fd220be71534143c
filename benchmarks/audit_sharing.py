"""What sharing spares an audit: the trainings of one seed with draws that are encoded once, against each encoding its own.

Run it on a quiet machine: `python benchmarks/audit_sharing.py`. It trains the same four configurations of the aligned
and of the failing code in both ways, one after the other in one thread, and prints seconds and their ratio.
"""

import tempfile
import time
from pathlib import Path

from omegaconf import OmegaConf

from saga_kedro.audit import as_found  # noqa: F401  registers the failing code's parts
from saga_kedro.audit.bench import alone
from saga_kedro.audit.data import AuditData, choose_clips
from saga_kedro.audit.issues import read_catalogue
from saga_kedro.audit.plan import ALIGNED, AS_FOUND, baselines
from saga_kedro.audit.training import train
from saga_kedro.captioning.captions import caption
from saga_kedro.corpora.ingest import find_clips
from saga_kedro.corpora.resampled import resample
from saga_kedro.parameters import Parameters, changed, validate
from saga_kedro.training.encode import encode_captions, read_states

ROOT = Path(__file__).parents[1]
ARMS = ({}, {"fit.drop_z_l": 0.0}, {"fit.timesteps": "uniform"}, {"fit.lr_schedule": "without_warmup"})
"""The changes of either baseline, which leave the draws alone."""


def main() -> None:
    parameters = validate(OmegaConf.to_container(OmegaConf.load(ROOT / "conf/base/parameters.yml")))  # type: ignore[arg-type]
    both = baselines(read_catalogue(ROOT / "conf/base/audit/issues.yml"), parameters)
    with tempfile.TemporaryDirectory() as folder:
        data = demo_data(parameters, Path(folder))
        for name in (ALIGNED, AS_FOUND):
            seconds = {}
            for shared in (False, True):
                models = Path(folder) / f"{name}_{shared}"
                began = time.perf_counter()
                with alone():
                    for arm in ARMS:
                        train(changed(both[name], {**arm, "encode.latents": shared}), data, models)
                seconds[shared] = time.perf_counter() - began
            apart, once = seconds[False], seconds[True]
            print(f"{name}: {len(ARMS)} trainings, apart {apart:.0f} s, shared {once:.0f} s: {apart / once:.2f} times faster")


def demo_data(parameters: Parameters, folder: Path) -> AuditData:
    """The demo corpus as an audit sees it, without evaluation pairs."""
    manifest, *_ = find_clips(parameters.ingest, [], parameters.seed, folder / "raw", folder / "findings")
    clips, _ = resample(manifest, folder / "clips")
    captions = caption(clips, parameters.caption, folder / "captions")
    index = encode_captions(captions["caption"], parameters.model.text, folder / "states.safetensors")
    states = read_states(index, folder / "states.safetensors")
    segments = parameters.audit.budgets["quick"].segments_per_category
    return AuditData(choose_clips(clips, segments), captions, states, "demo", [], "none")


if __name__ == "__main__":
    main()
