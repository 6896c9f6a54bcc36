"""What a job shows while it runs."""

import io
import os
import signal

import pytest
from rich.console import Console

from eyas.agents import progress as module
from eyas.agents.job_control import StopRequest
from eyas.agents.progress import Progress

VALUES = {
    "train/episodes": 1234,
    "train/mean_return": 56.78,
    "test/mastered": 0.42,
    "teacher/gaussians": 7,
    "teacher/mean_progress": 12.345,
    "teacher/window_low": [0.0, 1.0],
}


def test_lines_where_nobody_watches(capsys, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LINES", 1e9)
    with Progress("walker", 1000, 0) as progress:
        progress.show(100, VALUES)
        progress.show(200, {"train/mean_return": 60.0})  # too soon for another line
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1 and err.startswith("100 of 1,000 steps: steps/s ")
    for words in ("left 0:00", "episodes 1,234", "mean return 56.8", "mastered 42%", "gaussians 7"):
        assert words in err


def test_panel_on_a_terminal():
    screen = io.StringIO()
    progress = Progress("walker", 1000, 0)
    progress._console = Console(file=screen, force_terminal=True, width=80)
    with progress:
        progress.show(100, VALUES)
        progress.show(500, {"train/mean_return": float("nan")})
    text = screen.getvalue()
    for words in (
        "walker",
        "500 of 1,000 steps",
        "steps/s",
        "left",
        "mastered",
        "42%",
        "mean progress",
        "12.3",
    ):
        assert words in text
    assert "nan" not in text


def test_quiet_shows_nothing(capsys):
    with Progress("walker", 1000, 0, quiet=True) as progress:
        progress.show(100, VALUES)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_is_noted_and_handlers_come_back(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), number)
        assert stop.signal == number
        assert signal.getsignal(number) is before, "a second signal is nobody's to catch"
    assert signal.getsignal(number) is before
