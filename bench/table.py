"""What a benchmark measures, and how it is shown."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Measurement(NamedTuple):
    """One figure of ours beside that of one peer, both taken in the same run."""

    name: str
    """What was measured, like ``"stump-tracks fast"``."""
    value: float
    """Ours."""
    unit: str
    """Of both values, like ``"steps/s"``."""
    peer: str = ""
    """Whom we compare with; empty if nobody offers the same."""
    peer_value: float | None = None
    """Theirs; None if there is no peer or it is not installed."""
    ratio: float | None = None
    """How many times better ours is; above 1 ours is ahead."""
    cores: int = 1
    """Cores both used."""
    install: str = ""
    """The command that installs a peer that is missing."""


def json_line(measurement: Measurement) -> str:
    """The measurement as one line of JSON: name, value, unit, peer, peer_value, ratio, cores."""
    entry = measurement._asdict()
    del entry["install"]
    return json.dumps(entry)


def table(title: str, measurements: Iterable[Measurement]) -> Table:
    """All measurements of one benchmark, one row each, under a caption that names the machine."""
    grid = Table(title=title, title_justify="left", caption=machine(), caption_justify="left")
    for heading in ("", "ours", "unit", "peer", "theirs", "ratio", "cores"):
        right = heading in ("ours", "theirs", "ratio", "cores")
        grid.add_column(heading, justify="right" if right else "left", overflow="fold")
    for m in measurements:
        theirs = "" if m.peer_value is None else _number(m.peer_value)
        peer = m.peer
        if m.peer and m.peer_value is None:
            theirs = "not installed"
            peer += f" ({m.install})" if m.install else ""
        ratio = "" if m.ratio is None else f"{m.ratio:.2f}x"
        grid.add_row(m.name, _number(m.value), m.unit, peer, theirs, ratio, str(m.cores))
    return grid


def show(title: str, measurements: Iterable[Measurement]) -> None:
    """Print the table on standard output, wide enough for its longest row when piped."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table(title, measurements))


def machine() -> str:
    """The processor, its cores and the Python version."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
