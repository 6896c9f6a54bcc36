"""What a training job shows on standard error while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

from ..runs import MASTERED, MEAN_RETURN

_SECONDS_BETWEEN_LINES = 10.0
_WINDOW = 20.0  # seconds over which the shown speed is measured


class Progress:
    """A live panel where standard error is a terminal, a line now and then where it is not.

    Args:
        title: what is being trained.
        total_steps: of the whole run.
        done: steps done before this process took over.
        quiet: show nothing.
    """

    def __init__(self, title: str, total_steps: int, done: int, quiet: bool = False) -> None:
        self._title = title
        self._total = total_steps
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._marks = [(time.monotonic(), done)]
        self._values: dict[str, Any] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> Progress:
        if not self._quiet and self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=False)
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None

    def show(self, step: int, values: Mapping[str, Any]) -> None:
        """Show where the job stands; values not given keep what they were."""
        if self._quiet:
            return
        self._values.update(values)
        now = time.monotonic()
        self._marks.append((now, step))
        while len(self._marks) > 2 and now - self._marks[1][0] > _WINDOW:
            del self._marks[0]
        if self._live is not None:
            self._live.update(self._panel(step))
        elif MASTERED in values or now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            line = ", ".join(f"{name} {text}" for name, text in self._facts(step) if text)
            print(f"{step:,} of {self._total:,} steps: {line}", file=sys.stderr, flush=True)

    def _speed(self) -> float:
        (first, before), (last, after) = self._marks[0], self._marks[-1]
        return (after - before) / max(last - first, 1e-9)

    def _facts(self, step: int) -> list[tuple[str, str]]:
        speed = self._speed()
        left = max(self._total - step, 0)
        facts = [
            ("steps/s", f"{speed:,.0f}" if speed > 0 else ""),
            ("left", _duration(left / speed) if speed > 0 else ""),
            ("episodes", _number(self._values.get("train/episodes"), ",.0f")),
            ("mean return", _number(self._values.get(MEAN_RETURN), ".1f")),
            ("mastered", _number(self._values.get(MASTERED), ".0%")),
        ]
        for name, value in self._values.items():
            if name.startswith("teacher/") and isinstance(value, int | float):
                label = name.removeprefix("teacher/").replace("_", " ")
                facts.append((label, f"{value:g}" if isinstance(value, int) else f"{value:.3g}"))
        return facts

    def _panel(self, step: int) -> Panel:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        table.add_column(justify="right")
        for name, text in self._facts(step):
            table.add_row(name, text or "-")
        bar = Table.grid(expand=True)  # a bare bar does not end its line
        bar.add_row(ProgressBar(total=self._total, completed=min(step, self._total)))
        heading = f"{step:,} of {self._total:,} steps"
        return Panel(Group(heading, bar, table), title=self._title, expand=False, width=64)


def _number(value: Any, form: str) -> str:
    return "" if value is None or value != value else format(value, form)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
