"""The scripts in examples/ run as their users would run them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from eyas.agents.config import TrainWalkerConfig
from eyas.runs import MASTERED, Run

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_mastery_curves(tmp_path):
    folders = []
    for teacher, gain in (("alp-gmm", 0.1), ("random", 0.05)):
        for seed in (1, 2):
            folder = tmp_path / f"{teacher}-{seed}"
            config = replace(TrainWalkerConfig(), teacher=teacher, seed=seed)
            with Run.create(folder, config, ["eyas"], job="train walker") as run:
                for step in range(4):
                    run.append_metrics(1000 * step, {MASTERED: gain * step + 0.01 * seed})
                run.append_metrics(3500, {"train/mean_return": 1.0})
            folders.append(str(folder))
    figure, table = tmp_path / "curves.png", tmp_path / "curves.json"
    script = str(EXAMPLES / "mastery_curves.py")
    done = subprocess.run(
        [sys.executable, script, *folders, "--figure", str(figure), "--json", str(table)],
        capture_output=True,
        text=True,
        check=True,
    )
    results = json.loads(table.read_text())
    assert results["alp-gmm"]["steps"] == [0, 1000, 2000, 3000]
    assert [round(seed[-1]) for seed in results["alp-gmm"]["mastered_percent"]] == [31, 32]
    assert "31.5 % mastered" in done.stdout and "Welch" in done.stdout
    assert figure.read_bytes().startswith(b"\x89PNG")
