"""What ``eyas compare`` can be told; light to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from ..bounds import Count, Seed, real, whole
from .config import StudentConfig, StudentName


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Compare teachers on one world: a grid of runs, statistics, figures and a page.

    The folder may hold a grid already: finished runs are kept, unfinished ones go on, and
    more teachers or seeds may be added.
    """

    out: Annotated[Path, arg(metavar="FOLDER")]
    """Folder of the comparison; its runs are in FOLDER/runs."""
    teachers: str = "alp-gmm,random"
    """Names of teachers with commas between, or "all"; the oracle only where it is named."""
    world: str = "stump-tracks"
    """Name of the world: stump-tracks, original, mostly-unfeasible, mostly-trivial, rugged, ..."""
    preset: Literal["eyas", "published"] = "eyas"
    """The teachers' settings: ours or the published ones."""
    student: StudentName = "ppo"
    """Who learns."""
    steps: Count = 3_000_000
    """Environment steps of each run, scouting included."""
    seeds: Annotated[int, whole(1, 1000)] = 3
    """Runs of each teacher."""
    first_seed: Seed = 1
    """Seed of the first run; the others follow it."""
    workers: Annotated[int, whole(1, 1024)] = 2
    """Runs side by side, one core each."""
    copies: Annotated[int, whole(1, 65_536)] = 64
    """Copies of the world in a run."""
    evaluate_every: Count = 250_000
    """Environment steps between two passes over the test set."""
    episodes: Annotated[int, whole(1, 1000)] = 10
    """Episodes of the final policy on each test task, in each of two independent sets."""
    tail: Annotated[float, real(0.001, 1)] = 0.1
    """Share of the test tasks that count as the worst."""
    baseline: str = "random"
    """The teacher that the others are tested against."""
    report_only: bool = False
    """Run nothing, draw what is there."""
    quiet: bool = False
    """Show no progress."""
    student_config: Annotated[StudentConfig, arg(name="")] = field(default_factory=StudentConfig)
    """How the student learns."""


@dataclass(frozen=True, kw_only=True)
class CompareRunConfig:
    """One run of a comparison."""

    world: str
    """Name of the world."""
    teacher: str
    """Who chooses the tasks."""
    preset: str
    """Of the teacher."""
    student: StudentName
    """Who learns."""
    steps: Count
    """Environment steps."""
    seed: Seed
    """Of the run."""
    copies: Annotated[int, whole(1, 65_536)]
    """Of the world."""
    evaluate_every: Count
    """Steps between two tests."""
    episodes: Annotated[int, whole(1, 1000)]
    """Of the final policy on each test task, in each set."""
    student_config: StudentConfig
    """How the student learns."""
