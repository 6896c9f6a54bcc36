"""Compare teachers: the share of the test set mastered over steps, mean and spread over seeds.

    python examples/mastery_curves.py runs/alp-gmm-* runs/random-* --figure mastery.png --json mastery.json

Runs are grouped by the teacher in their config; every run must have been tested at the same steps.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib
import numpy as np
from scipy.stats import ttest_ind

from eyas.runs import MASTERED, Run

matplotlib.use("Agg")
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("runs", nargs="+", type=Path)
parser.add_argument("--figure", type=Path, default=Path("mastery.png"))
parser.add_argument("--json", type=Path, default=Path("mastery.json"))
arguments = parser.parse_args()

curves: dict[str, list[tuple[list[int], list[float]]]] = defaultdict(list)
for folder in arguments.runs:
    run = Run.open(folder)
    tests = [row for row in run.read_metrics() if MASTERED in row]
    curve = [int(row["step"]) for row in tests], [100 * row[MASTERED] for row in tests]
    curves[run.record["config"]["teacher"]].append(curve)

figure, axes = plt.subplots(figsize=(7, 4))
results = {}
for teacher, rows in curves.items():
    steps = np.array(rows[0][0])
    mastered = np.array([values for _, values in rows])
    mean, spread = mastered.mean(0), mastered.std(0, ddof=1) if len(rows) > 1 else 0 * mastered[0]
    axes.plot(steps / 1e6, mean, label=f"{teacher}, {len(rows)} seeds")
    axes.fill_between(steps / 1e6, mean - spread, mean + spread, alpha=0.2)
    results[teacher] = {"steps": steps.tolist(), "mastered_percent": mastered.tolist()}
    print(
        f"{teacher:12s} {mean[-1]:5.1f} % mastered at the end, sd {spread[-1]:.1f}, {len(rows)} seeds"
    )
axes.set(xlabel="million steps", ylabel="test tracks mastered (%)", ylim=(0, 100))
axes.legend()
figure.tight_layout()
figure.savefig(arguments.figure, dpi=120)
names = list(results)
if len(names) == 2 and all(len(r["mastered_percent"]) > 1 for r in results.values()):
    final = [[seed[-1] for seed in results[name]["mastered_percent"]] for name in names]
    over = [np.mean(results[name]["mastered_percent"], axis=1) for name in names]
    print(
        f"Welch's t-test, {names[0]} against {names[1]}: at the end p = {ttest_ind(*final, equal_var=False).pvalue:.3f},"
        f" mean over the run p = {ttest_ind(*over, equal_var=False).pvalue:.3f}"
    )
arguments.json.write_text(json.dumps(results))
