"""What must stay equal through a refactoring: record it before and after, and compare the two records.

    python benchmarks/gate.py record before.json              # some minutes on a quiet machine; --quick: with a tiny demo
    python benchmarks/gate.py compare before.json after.json  # a line a difference, and exit code 1 if there is any

All runs in a copy of the project, through what people use: `saga`, `kedro run`, `super_resolve`, files. Compare records of one
machine and one OMP_NUM_THREADS: with other threads, sums are added in another order.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile
from gate_inside import clips, digest, without_run

HERE = Path(__file__).resolve().parent
CORPUS = "ingest.demo_minutes=1.0,degrade.pairs_per_category=1,degrade.excerpt_seconds=2.0,"
MODEL = """model.segment_samples=32768,model.backbone.embed_dim=32,model.backbone.depth=1,model.backbone.num_heads=1,\
fit.batch_size=2,fit.validation_segments=2,fit.log_every=1,fit.rolloff_draws=16,fit.workers=0,"""
TINY = f"{CORPUS}{MODEL}fit.steps=6,fit.steps_per_epoch=2,sample.steps=2,evaluate.examples=1"
RESUMED = f"{MODEL}fit.steps=24,fit.steps_per_epoch=4"
TABLES = ("03_primary/clips", "03_primary/pairs", "04_feature/captions", "04_feature/pair_captions")
CALLS = (HERE / "gate_calls.txt").read_text().splitlines()


class Project:
    """A copy of a project without its data and runs, and the commands of this Python's environment in it."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        for name in ("conf", "src", "docs/audit"):
            shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "local"))
        for name in ("pyproject.toml", "dvc.yaml", ".dvcignore"):
            shutil.copy(source / name, folder / name)
        for name in ("mlruns", "conf/local", *(path.relative_to(source) for path in source.glob("data/0*"))):
            (folder / name).mkdir(parents=True)
        plain = {"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1", "PYTHONPATH": f"{folder}/src"}
        threads = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}  # passive: quick beside other work too
        self.env = threads | dict(os.environ) | plain
        imported = self.must("python", "-c", "import saga_kedro; print(saga_kedro.__file__)").strip()
        if not Path(imported).is_relative_to(folder):
            raise SystemExit(f"saga_kedro is imported from {imported}, not from {folder}.")

    def start(self, name: str, *arguments: str, output: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """A command in a new process group, which can be killed whole."""
        command, quiet = [str(Path(sys.executable).parent / name), *arguments], subprocess.DEVNULL
        options: dict[str, Any] = {"cwd": self.folder, "env": self.env, "text": True, "start_new_session": True}
        return subprocess.Popen(command, stdin=quiet, stdout=output, stderr=output, **options)

    def must(self, *command: str) -> str:
        """What a command prints that must succeed."""
        process = self.start(*command)
        out, err = process.communicate()
        if process.returncode:
            raise SystemExit(f"{shlex.join(command)}: exit code {process.returncode}\n{out}\n{err[-4000:]}")
        return out

    def inside(self, function: str, argument: str) -> Any:
        """What a function of `gate_inside` gives in a process that imports the project."""
        return json.loads(self.must("python", str(HERE / "gate_inside.py"), function, argument).splitlines()[-1])

    def train(self, quick: bool) -> Path:
        """The demo, from nothing to its report, unless that is done: the model's folder."""
        if not any(self.data.glob("08_reporting/demo*/metrics.json")):
            self.must("kedro", "run", "--pipeline", "train", *(["--params", TINY] if quick else []))
        return next(self.data.glob("06_models/demo*/**/model.safetensors")).parent


def outputs(project: Project, quick: bool) -> Any:
    """The bundled model's outputs. Its folder is computed by ONNX Runtime; one without model.onnx by PyTorch."""
    shipped, bare = project.folder / "src/saga_kedro/pretrained", project.folder / "bare"
    shutil.copytree(shipped, bare, ignore=shutil.ignore_patterns("*.onnx"))
    return {folder.name: project.inside("outputs_of", str(folder)) for folder in (shipped, bare)}


def catalog(project: Project, quick: bool) -> Any:
    """The catalog's names and paths in three environments."""
    return {env: project.inside("catalog_of", env) for env in ("base", "paper", "bundled")}


def normal(text: str, project: Project) -> list[str]:
    """Lines of a command's text without logs, progress, tracebacks, times, this machine's facts, the project's place, width."""
    text = without_run(text.replace(str(project.folder), "<project>"))
    text = re.sub(r"(?<=Traceback)[^\n]*\n(?:[ \t][^\n]*\n|\n)*", ": ", text)
    text = re.sub(r"^\d\d:\d\d:\d\d .*$|(?<=audio in )[\d.]+|(?<=seconds\": )[\d.]+", "<time>", text, flags=re.MULTILINE)
    text = re.sub(r"\d+ of \d+ GiB free, \d+ CPU cores|\d+ GiB free|(?<=at most )[\d,]+(?= h)", "<this machine>", text)
    lines = (re.sub(r"([─━])\1+", r"\1", " ".join(line.split())) for line in text.splitlines())
    return [line for line in lines if line not in ("", "<time>") and "%|" not in line]


def sections(path: Path) -> dict[str, list[str]]:
    """The lines of a page by heading: of Markdown, or of HTML without its code and pictures."""
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", "", path.read_text(), flags=re.DOTALL)
    parts = re.split(r"<h2[^>]*>|^## ", text, flags=re.MULTILINE)
    found = [[line for line in re.split(r"<[^>]*>|\n", part) if line.strip()] for part in parts]
    return {lines[0]: lines[1:] for lines in found}


def texts(project: Project, quick: bool) -> Any:
    """What commands print, and their exit codes."""
    folder, found = project.folder, {}
    files = {"muffled": "speech", "full": "full band", "outputs/a": "music", "outputs/b": "24 kHz", "references/a": "hissing"}
    for name, sound in {**files, "references/b": "24 kHz"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / f"{name}.wav", clips()[sound][0].T, clips()[sound][1])
    (folder / "text.wav").write_text("This is no audio.")
    curve = [f"{step},{1.2 + 1 / (1 + step)},{1000 * 2 ** (step % 3)}" for step in range(300)]
    (folder / "curves.csv").write_text("\n".join(["step,train_loss,grad_norm", *curve]))
    for call in CALLS:
        process = project.start(*shlex.split(call))
        found[call] = {"text": normal("\n".join(process.communicate()), project), "exit code": process.returncode}
    return {**found, "diagnosis.html": sections(folder / "diagnosis/diagnosis.html")}


def audit(project: Project, quick: bool) -> Any:
    """The audit's page drawn again from docs/audit: its texts by section and language."""
    project.must("kedro", "run", "--pipeline", "audit_report", "--params", "audit.findings=docs/audit")
    folder = project.data / "08_reporting/demo"
    return {name: sections(folder / name) for name in ("audit.html", "audit.zh.html")}


def column(values: pd.Series, project: Project) -> str:
    """A column's digest. A file that it names counts as its folder and its sound, whatever it is called."""

    def content(value: Any) -> Any:
        path = project.folder / value if isinstance(value, str) and "/" in value else None
        if path and path.is_file():
            return str(path.parent.relative_to(project.folder)), digest(soundfile.read(path)[0].tobytes())
        return value

    return f"{values.dtype} {digest(json.dumps([content(one) for one in values], default=lambda one: one.tolist()).encode())}"


def tables(project: Project, quick: bool) -> Any:
    """The demo's tables, column by column, and its metrics that depend on no machine, from a run from nothing."""
    project.train(quick)
    # other parameters have a folder `demo-<key>`
    files = {name: next(project.data.glob(f"{name.replace('/', '/demo*/')}.parquet")) for name in TABLES}
    tables = {name: pd.read_parquet(file) for name, file in files.items()}
    found = {name: {"rows": len(one)} | {key: column(one[key], project) for key in one} for name, one in tables.items()}
    metrics = json.loads(next(project.data.glob("08_reporting/demo*/metrics.json")).read_text())
    return {**found, "metrics.json": {name: metrics[name] for name in metrics if not re.search("/(RTF|peak_memory)", name)}}


def tensors(model: Path) -> dict[str, str]:
    """Type, shape and digest of every tensor of a saved model."""
    data = (model / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header, data = json.loads(data[8:begin]), data[begin:]
    bytes_of = {name: data[slice(*one.pop("data_offsets", (0, 0)))] for name, one in header.items()}
    return {name: f"{json.dumps(one)} {digest(bytes_of[name])}" for name, one in sorted(header.items())}


def saved(project: Project, quick: bool) -> Any:
    """The saved models' format and weights: the bundled one's and the demo's."""

    def types(value: Any) -> Any:
        return {key: types(inner) for key, inner in value.items()} if isinstance(value, dict) else type(value).__name__

    found = {}
    for name, model in (("bundled", project.folder / "src/saga_kedro/pretrained"), ("demo", project.train(quick))):
        files, configuration = sorted(path.name for path in model.iterdir()), json.loads((model / "saga_sr.json").read_text())
        found[name] = {"files": files, "saga_sr.json": types(configuration), "model.safetensors": tensors(model)}
    return found


def resumed(project: Project, quick: bool) -> Any:
    """A training that is killed after its first checkpoint and started again, against one that was let alone."""
    project.train(quick)
    models, found = project.data / "06_models", {}
    train = ("kedro", "run", "--pipeline", "fit", "--params", f"{CORPUS if quick else ''}{RESUMED}")
    earlier = set(models.iterdir())

    def begun() -> set[Path]:
        return {models / path.relative_to(models).parts[0] for path in models.rglob("*.ckpt")}

    for how in ("let alone", "killed"):
        if how == "killed":
            process = project.start(*train, output=subprocess.DEVNULL)
            while process.poll() is None and begun() <= earlier:
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        project.must(*train)
        (model,) = set(models.iterdir()) - earlier
        found[how] = digest(json.dumps(tensors(next(model.rglob("model.safetensors")).parent)).encode())
        shutil.rmtree(model)
    return {**found, "equal": found["let alone"] == found["killed"]}


FACTS = {function.__name__: function for function in (outputs, catalog, texts, audit, tables, saved, resumed)}


def record(out: Path, source: Path, quick: bool, only: list[str]) -> None:
    """Write what is found into ``out``, fact by fact."""
    with tempfile.TemporaryDirectory(prefix="gate_") as folder:
        project = Project(source, Path(folder) / "project")
        found: dict[str, Any] = {"quick": quick, "threads": project.env["OMP_NUM_THREADS"]}
        for name in only:
            began = time.monotonic()
            found[name] = FACTS[name](project, quick)
            out.write_text(json.dumps(found, indent=1, ensure_ascii=False))
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """A line for each thing that is not the same."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from differences(before.get(name), after.get(name), f"{where} / {name}" if where else name)
    elif isinstance(before, list) and isinstance(after, list) and before != after:
        pairs = [pair for pair in zip_longest(before, after) if pair[0] != pair[1]]
        yield f"{where}: {len(pairs)} of {len(before)} lines, first {pairs[0][0]!r} -> {pairs[0][1]!r}"
    elif before != after:
        yield f"{where}: {str(before)[:200]!r} -> {str(after)[:200]!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    recording, comparing = (commands.add_parser(name) for name in ("record", "compare"))
    recording.add_argument("out", type=Path)
    recording.add_argument("--project", type=Path, default=HERE.parent, help="whose state is recorded; default: this one")
    recording.add_argument("--quick", action="store_true", help="the demo with a tiny corpus and model")
    recording.add_argument("--only", nargs="+", choices=FACTS, default=list(FACTS), help="some of the facts")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command == "record":
        record(given.out, given.project.resolve(), given.quick, given.only)
        return
    lines = list(differences(*(json.loads(path.read_text()) for path in (given.before, given.after))))
    print("\n".join(lines) or "No difference.")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
