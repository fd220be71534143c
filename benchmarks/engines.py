"""Files examined a second: two processes, against Dask with one worker and with two, on the same files in one run.

    .venv/bin/python benchmarks/engines.py [--minutes 3] [--times 8] [--rounds 3]

It synthesises the files first. Every round has each engine once, in turn; starting Dask's workers is not in a round's time,
and told apart. Starting processes is in it, since `processes` does so at every call. Ratios are of the rounds' medians.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from saga_kedro.corpora.demo import INDEX, write_demo
from saga_kedro.corpora.examine import examine
from saga_kedro.corpora.folder import find_folder
from saga_kedro.parallel import engine, parallel_map
from saga_kedro.parameters import Workers

ENGINES = {"processes, 2": ("processes", 2), "Dask, 1 worker": ("dask", 1), "Dask, 2 workers": ("dask", 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3, help="of audio to synthesise")
    parser.add_argument("--times", type=int, default=8, help="that each file is examined in a round")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOKY_MAX_CPU_COUNT"] = "2"
        write_demo(folder, 0, asked.minutes)
        sources = find_folder(Path(folder), INDEX) * asked.times
        took: dict[str, list[float]] = {name: [] for name in ENGINES}
        starts: dict[str, list[float]] = {name: [] for name in ENGINES}
        for _ in range(asked.rounds):
            for name, (which, workers) in ENGINES.items():
                os.environ["LOKY_MAX_CPU_COUNT"] = str(workers)
                begun = time.perf_counter()
                with engine(Workers(engine=which, address=None, gpus_per_worker=0), folder):
                    ready = time.perf_counter()
                    results = parallel_map(examine, sources, name, project=Path(folder))
                    took[name].append(time.perf_counter() - ready)
                    starts[name].append(ready - begun)
                assert len(results) == len(sources)
    reference = statistics.median(took["processes, 2"])
    print(f"{len(sources)} files, {asked.minutes * asked.times:g} min of audio, {asked.rounds} rounds")
    for name, times in took.items():
        middle = statistics.median(times)
        each = ", ".join(f"{one:.1f}" for one in times)
        print(
            f"{name:16s} {len(sources) / middle:6.1f} files/s, {reference / middle:.2f} of processes' "
            f"({each} s; {statistics.median(starts[name]):.1f} s to start)"
        )


if __name__ == "__main__":
    main()
