"""The benchmark for a GPU: what it keeps when a part fails, or takes too long."""

import json
import sys
import time

from scratch_project import ROOT


def test_a_part_that_fails_or_takes_too_long_is_a_sentence_and_the_next_one_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    import on_gpu

    def fails(bench):
        bench.row(batch=8, speed=12.3456)
        with bench.attempt(batch=16):
            raise MemoryError("too large")
        raise ValueError("no such thing\nand more")

    def sleeps(bench):
        time.sleep(60)

    def works(bench):
        bench.row(holds=True)
        assert json.loads(bench.out.read_text())["parts"]["fails"]["rows"]

    parts = {"sleeps": (sleeps, 0), "fails": (fails, 120), "works": (works, 120)}
    monkeypatch.setattr(on_gpu, "PARTS", parts)
    on_gpu.run(on_gpu.Bench(tmp_path / "found.json", True, tmp_path), list(parts))
    found = json.loads((tmp_path / "found.json").read_text())["parts"]
    assert found["fails"]["error"] == "ValueError: no such thing"
    assert found["sleeps"]["error"] == "TimeUp: its time is used"
    assert found["works"]["rows"] == [{"holds": True}]
    lines = on_gpu.table(found["fails"]["rows"]).splitlines()
    assert lines[0] == "| batch | speed | error |"
    assert lines[2:] == ["| 8 | 12.35 |  |", "| 16 |  | MemoryError: too large |"]
