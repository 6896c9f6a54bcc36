"""The search of ``eyas size``: the agent and those it is compared with, one after the other.

Between two batches everything that defines the future is in the sizer and in the histories. A checkpoint
holds both, so that a run that is killed and resumed finds the same designs as one that was not.

Lines of ``metrics.jsonl``, some two hundred per sizer, have ``step`` (simulations by all sizers so far),
``time``, ``sizer`` (who), ``simulations`` (its own so far), ``best_score`` (its highest so far),
``feasible`` (how many of its designs met all limits) and ``seconds`` (of its search).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ...envs.circuit.problem import SizingProblem
from ...errors import InputError
from ...policies.state_file import read_tree, write_tree
from ...runs import Run
from ..job_control import StopRequest
from .registry import make_sizer
from .run import History, run_sizer
from .sizer import Sizer

STATE = "state.safetensors"
_KIND, _VERSION = "eyas sizing state", 1
_LINES = 200  # of metrics per sizer
_CHECKPOINTS = 20  # per sizer, and one every:
_SECONDS_PER_CHECKPOINT = 30.0
_SECONDS_PER_LINE = 10.0  # on standard error where it is no terminal


class _StopError(Exception):
    """A signal came."""


class SizingRun:
    """One process's work on the search.

    Args:
        run: opened for writing; goes on from its latest checkpoint, if it has one.
        problem: what is sized.
        names: of the sizers, in the order in which they work.
        budget: simulations of each.
        seed: of each.
        quiet: show no progress.

    Raises:
        InputError: the checkpoint does not fit, or a sizer cannot have this budget.
    """

    def __init__(
        self,
        run: Run,
        problem: SizingProblem,
        names: Sequence[str],
        budget: int,
        seed: int,
        quiet: bool = False,
    ) -> None:
        self.run = run
        self.problem = problem
        self.names = tuple(names)
        self.budget = budget
        self.seed = seed
        self.histories = {name: History(problem.dimension, budget) for name in names}
        """Of each sizer, filled one after the other."""
        self._quiet = quiet
        self._saved: dict[str, Any] | None = None  # state of the sizer that was at work
        self._restore()

    @property
    def simulations(self) -> int:
        """By all sizers so far."""
        return sum(history.count for history in self.histories.values())

    def search(self, stop: StopRequest) -> int | None:
        """Run all sizers to the end of their budgets, or until a signal comes.

        Returns:
            None at the end, else the number of the signal; the state is saved in either case.
        """
        with _Display(self._quiet) as display:
            try:
                for name in self.names:
                    if self.histories[name].count < self.budget:
                        self._search(name, stop, display)
            except _StopError:
                return stop.signal
        return None

    def _search(self, name: str, stop: StopRequest, display: _Display) -> None:
        history = self.histories[name]
        sizer = make_sizer(name, self.problem, self.seed, self.budget)
        if self._saved is not None:
            sizer.restore(self._saved)
            self._saved = None
        mark, saved_at = history.count, time.monotonic()
        display.begin(name, self.budget, history)

        def on_batch(history: History) -> None:
            nonlocal mark, saved_at
            before, mark = mark, history.count
            display.show(history)
            done = history.count >= self.budget
            if done or _crossed(before, mark, max(self.budget // _LINES, 1)):
                self._line(name, history)
            often = _crossed(before, mark, max(self.budget // _CHECKPOINTS, 1))
            late = time.monotonic() - saved_at > _SECONDS_PER_CHECKPOINT
            if done or often or late or stop.signal is not None:
                self._save(None if done else sizer)
                saved_at = time.monotonic()
            if stop.signal is not None:
                raise _StopError

        run_sizer(sizer, self.problem, self.budget, on_batch, history=history)

    def _line(self, name: str, history: History) -> None:
        values = {
            "sizer": name,
            "simulations": history.count,
            "best_score": history.best_score,
            "feasible": int(history.feasible.sum()),
            "seconds": history.seconds,
        }
        self.run.append_metrics(self.simulations, values)

    # Checkpoints ------------------------------------------------------------------------------

    def _save(self, sizer: Sizer | None) -> None:
        histories = {name: h.state() for name, h in self.histories.items() if h.count}
        tree: dict[str, Any] = {"histories": histories, "working": sizer is not None}
        if sizer is not None:
            tree["sizer"] = sizer.state()

        def write(folder: Path) -> None:
            write_tree(folder / STATE, _KIND, _VERSION, tree)

        self.run.save_checkpoint(self.simulations, write)

    def _restore(self) -> None:
        checkpoint = self.run.latest_checkpoint()
        if checkpoint is None:
            self.run.rewind_metrics(-1)
            return
        tree = read_tree(checkpoint.folder / STATE, _KIND, _VERSION)
        try:
            for name, state in tree["histories"].items():
                self.histories[name].restore(state)
            self._saved = tree["sizer"] if tree["working"] else None
        except InputError as error:
            raise InputError(f"checkpoint {checkpoint.folder}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"checkpoint {checkpoint.folder} does not fit this run ({error})"
            ) from error
        self.run.rewind_metrics(checkpoint.step)


class _Display:
    """A bar with the best score where standard error is a terminal, elsewhere a line now and then."""

    def __init__(self, quiet: bool) -> None:
        console = Console(stderr=True)
        self._quiet = quiet
        self._live = not quiet and console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("simulations, best score {task.fields[best]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not self._live,
        )
        self._name = ""
        self._next_line = 0.0

    def __enter__(self) -> _Display:
        self._bar.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.__exit__(None, None, None)

    def begin(self, name: str, budget: int, history: History) -> None:
        """Show a sizer that begins or goes on."""
        self._name = name
        self._next_line = time.monotonic() + _SECONDS_PER_LINE
        self._task = self._bar.add_task(
            name, total=budget, completed=history.count, best=_best(history)
        )

    def show(self, history: History) -> None:
        """Show where it stands."""
        self._bar.update(self._task, completed=history.count, best=_best(history))
        now = time.monotonic()
        ended = history.count >= history.budget
        if self._quiet or self._live or (now < self._next_line and not ended):
            return
        self._next_line = now + _SECONDS_PER_LINE
        speed = history.count / max(history.seconds, 1e-9)
        print(
            f"{self._name}: {history.count:,} of {history.budget:,} simulations, best score"
            f" {_best(history)}, {speed:,.0f} simulations/s",
            file=sys.stderr,
            flush=True,
        )


def _best(history: History) -> str:
    if not history.count:
        return "-"
    kept = "" if history.feasible[history.best_index] else " (limits not met)"
    return f"{history.best_score:.4g}{kept}"


def _crossed(before: int, after: int, interval: int) -> bool:
    """Whether a multiple of ``interval`` lies in (before, after]."""
    return before // interval != after // interval
