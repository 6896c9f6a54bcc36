import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyas.agents.config import TrainWalkerConfig
from eyas.errors import InputError
from eyas.files import is_disk_full
from eyas.runs import SCHEMA, Run


@dataclass(frozen=True, kw_only=True)
class Inner:
    sizes: tuple[int, ...] = (3, 4)


@dataclass(frozen=True, kw_only=True)
class Config:
    rate: float = 0.5
    where: Path | None = None
    seed: int = 7
    inner: Inner = field(default_factory=Inner)


def start(folder, config=None):
    return Run.create(folder, config or Config(), ["eyas", "test"], job="test")


def text(content):
    return lambda folder: (folder / "state.txt").write_text(content)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "one"


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The folder -----------------------------------------------------------------------------------


def test_a_run_says_what_made_it(folder):
    with start(folder) as run:
        assert run.status == "running"
    record = json.loads((folder / "config.json").read_text())
    assert record["schema"] == SCHEMA
    assert record["command"] == ["eyas", "test"]
    assert record["seed"] == 7
    assert record["config"] == {"rate": 0.5, "where": None, "seed": 7, "inner": {"sizes": [3, 4]}}
    assert record["versions"]["numpy"]
    assert record["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "git" in record
    assert Run.open(folder).status == "interrupted"


def test_a_config_comes_back_as_it_was(folder):
    config = Config(rate=2, where=Path("a/b"), inner=Inner(sizes=(1,)))
    start(folder, config).close()
    assert Run.open(folder).config_as(Config) == config


@pytest.mark.parametrize(
    ("field_name", "value", "told"),
    [
        ("steps", 0, "steps = 0"),
        ("steps", "many", "steps = 'many'"),
        ("teacher", "nobody", "teacher = 'nobody' is not one of random"),
        ("spin", 3, "no field 'spin'"),
        ("figures", 1, "figures = 1"),
        ("student_config", [], "StudentConfig = []"),
    ],
)
def test_a_stored_config_that_is_not_allowed_is_refused(folder, field_name, value, told):
    start(folder, TrainWalkerConfig()).close()
    path = folder / "config.json"
    record = json.loads(path.read_text())
    record["config"][field_name] = value
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"config\.json") as refusal:
        Run.open(folder).config_as(TrainWalkerConfig)
    assert told in str(refusal.value)


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_a_file_in_the_way_is_left_alone(tmp_path):
    (tmp_path / "run").write_text("mine")
    for folder in (tmp_path / "run", tmp_path / "run" / "below"):
        with pytest.raises(InputError, match="file is in its way"):
            start(folder)
    assert (tmp_path / "run").read_text() == "mine"


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no config\.json"):
        Run.open(tmp_path)
    for content in ("{", "[]", "null", '{"model": "resnet"}', '{"schema": 1}', "\x00\x01"):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(InputError, match="is not a run"):
            Run.open(tmp_path)


@pytest.mark.parametrize("version", [0, 2, "1.0", None])
def test_another_schema_version_is_refused(folder, version):
    start(folder).close()
    record = json.loads((folder / "config.json").read_text()) | {"schema": version}
    (folder / "config.json").write_text(json.dumps(record))
    before = snapshot(folder)
    with pytest.raises(InputError, match=f"schema version {version}, but this Eyas reads version 1"):
        Run.open(folder, write=True)
    assert snapshot(folder) == before


def test_only_one_process_may_write(folder):
    with start(folder) as run:
        with pytest.raises(InputError, match=f"in use by another process \\(id {os.getpid()}\\)"):
            Run.open(folder, write=True)
        assert Run.open(folder).status == "running"
        assert run.writable
    with Run.open(folder, write=True):
        pass


def test_a_run_opened_for_reading_cannot_be_written(folder):
    start(folder).close()
    run = Run.open(folder)
    with pytest.raises(RuntimeError, match="reading only"):
        run.append_metrics(1, {})
    with pytest.raises(RuntimeError, match="reading only"):
        run.save_checkpoint(1, text("a"))


def test_a_resumed_run_keeps_count_of_its_commands(folder):
    start(folder).close()
    with Run.open(folder, write=True) as run:
        run.note_resume(Config(rate=0.25), ["eyas", "again"])
    record = Run.open(folder).record
    assert record["command"] == ["eyas", "test"]
    assert [taken_up["command"] for taken_up in record["resumed"]] == [["eyas", "again"]]
    assert Run.open(folder).config_as(Config).rate == 0.25


# Metrics --------------------------------------------------------------------------------------


def test_metrics_come_back_and_go_to_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with start(folder) as run:
        run.append_metrics(10, {"loss": 0.5, "tasks": [1.0, float("nan")], "name": "x"})
        run.append_metrics(20, {"loss": float("inf"), "other": 3})
        run.append_metrics(30, {"loss": 0.25})
    lines = Run.open(folder).read_metrics()
    assert [line["step"] for line in lines] == [10, 20, 30]
    assert lines[0]["tasks"] == [1.0, None]
    assert lines[1]["loss"] is None
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(10, 0.5), (30, 0.25)]
    assert events.Tags()["scalars"] == ["loss", "other"]


def test_rewinding_drops_what_will_be_done_again(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with start(folder) as run:
        for step in (10, 20, 30):
            run.append_metrics(step, {"loss": step})
    with Run.open(folder, write=True) as run:
        run.rewind_metrics(20)
        run.append_metrics(25, {"loss": -1})
    assert [line["step"] for line in Run.open(folder).read_metrics()] == [10, 20, 25]
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [10, 20, 25]


@given(cut=st.integers(min_value=1, max_value=40))
def test_a_torn_last_line_is_ignored_and_removed(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("torn") / "run"
    start(folder).close()
    whole = [json.dumps({"step": step, "time": 0.0, "a": 1}) + "\n" for step in (1, 2, 3)]
    path = folder / "metrics.jsonl"
    torn = "".join(whole)[: -min(cut, len(whole[-1]))]
    path.write_text(torn)
    assert [line["step"] for line in Run.open(folder).read_metrics()] == [1, 2]
    Run.open(folder, write=True).close()
    assert path.read_text() == "".join(whole[:2])


def test_a_broken_line_in_the_middle_is_told(folder):
    start(folder).close()
    (folder / "metrics.jsonl").write_text('{"step": 1}\n{"step"\n{"step": 3}\n')
    with pytest.raises(InputError, match="line 2"):
        Run.open(folder).read_metrics()


# Checkpoints ----------------------------------------------------------------------------------


def test_the_newest_two_checkpoints_are_kept(folder):
    with start(folder) as run:
        assert run.latest_checkpoint() is None
        for step in (5, 10, 20):
            run.save_checkpoint(step, text(str(step)))
        latest = run.latest_checkpoint()
    assert latest.step == 20
    assert (latest.folder / "state.txt").read_text() == "20"
    names = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert names == ["step-000000010", "step-000000020"]


def test_the_same_step_can_be_saved_again(folder):
    with start(folder) as run:
        run.save_checkpoint(5, text("old"))
        run.save_checkpoint(5, text("new"))
        assert (run.latest_checkpoint().folder / "state.txt").read_text() == "new"
    assert len(list((folder / "checkpoints").iterdir())) == 1


def test_a_checkpoint_whose_writer_fails_leaves_no_trace(folder):
    def fails(path):
        text("half")(path)
        raise RuntimeError("half-way")

    with start(folder) as run:
        run.save_checkpoint(5, text("good"))
        before = snapshot(folder)
        with pytest.raises(RuntimeError, match="half-way"):
            run.save_checkpoint(9, fails)
        assert snapshot(folder) == before
        assert run.latest_checkpoint().step == 5


def test_what_a_killed_process_left_is_ignored_and_cleared_away(folder):
    with start(folder) as run:
        run.save_checkpoint(5, text("good"))
    checkpoints = folder / "checkpoints"
    (checkpoints / ".tmp-1-step-000000009").mkdir()
    text("half")(checkpoints / ".tmp-1-step-000000009")
    (checkpoints / "step-000000009").mkdir()  # no manifest: not made by a finished save
    (folder / ".tmp-1-config.json").write_text("{")
    assert Run.open(folder).latest_checkpoint().step == 5
    with Run.open(folder, write=True) as run:
        assert run.latest_checkpoint().step == 5
    assert not list(folder.rglob(".tmp-*"))


def corrupt_bytes(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda c: corrupt_bytes(c / "state.txt"), "state.txt is not what was saved"),
        (lambda c: (c / "state.txt").write_text(""), "state.txt is not what was saved"),
        (lambda c: (c / "state.txt").unlink(), "state.txt is missing"),
        (lambda c: (c / "manifest.json").write_text("{"), "no readable manifest"),
        (lambda c: (c / "manifest.json").write_text("[1]"), "no readable manifest"),
        (lambda c: c.rename(c.with_name("step-000000077")), "another run or step"),
    ],
)
def test_a_corrupt_checkpoint_is_refused(folder, damage, told):
    with start(folder) as run:
        checkpoint = run.save_checkpoint(5, text("good and long enough"))
    damage(checkpoint.folder)
    with pytest.raises(InputError) as refusal:
        Run.open(folder).latest_checkpoint()
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    with start(tmp_path / "a") as a, start(tmp_path / "b") as b:
        foreign = a.save_checkpoint(5, text("a"))
        b.save_checkpoint(4, text("b"))
    foreign.folder.rename(tmp_path / "b" / "checkpoints" / foreign.folder.name)
    with pytest.raises(InputError, match="belongs to another run"):
        Run.open(tmp_path / "b").latest_checkpoint()


# kill -9 --------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from eyas.runs import Run

folder = Path(sys.argv[1])
if folder.exists():
    run = Run.open(folder, write=True)
    checkpoint = run.latest_checkpoint()
    step = checkpoint.step if checkpoint else 0
else:
    run = Run.create(folder, {"seed": 0}, sys.argv, job="test")
    step = 0
run.rewind_metrics(step)
run._tensorboard_writer = lambda: type("Silent", (), {"add_scalar": lambda *_: None})()
print("ready", flush=True)

def writer(path):
    for part in range(3):
        (path / f"{part}.bin").write_bytes(bytes([step % 251]) * 40_000)

while True:
    step += 1
    run.append_metrics(step, {"value": step, "padding": "x" * 2000})
    run.save_checkpoint(step, writer)
"""


def test_kill_9_at_any_moment_loses_only_what_came_after_the_checkpoint(tmp_path):
    folder = tmp_path / "run"
    moments = random.Random(0)
    reached = 0
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.02, 0.15))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        run = Run.open(folder)
        assert run.status == "interrupted"
        checkpoint = run.latest_checkpoint()
        if checkpoint is None:
            assert reached == 0
            continue
        assert checkpoint.step >= reached
        reached = checkpoint.step
        for part in range(3):
            content = (checkpoint.folder / f"{part}.bin").read_bytes()
            assert content == bytes([reached % 251]) * 40_000
        steps = [line["step"] for line in run.read_metrics()]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) >= reached
    assert reached > 3


# A full disk ----------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_older_checkpoint(folder, monkeypatch):
    with start(folder) as run:
        run.append_metrics(1, {"a": 1})
        run.save_checkpoint(5, text("good"))
        before = snapshot(folder)

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            run.append_metrics(2, {"a": 2})
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space left"):
            run.save_checkpoint(9, full)
        assert snapshot(folder) == before
        assert run.latest_checkpoint().step == 5


@pytest.mark.parametrize(
    "message", ["Error while serializing: I/O error: No space left on device (os error 28)"]
)
def test_what_libraries_say_of_a_full_disk_is_understood(folder, message):
    class SafetensorError(Exception):
        pass

    def library(path):
        raise SafetensorError(message)

    with start(folder) as run, pytest.raises(OSError) as failure:
        run.save_checkpoint(1, library)
    assert is_disk_full(failure.value)


LIMITED = """
import resource, signal, sys
from pathlib import Path
from eyas.files import is_disk_full
from eyas.runs import Run

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = Run.open(Path(sys.argv[1]), write=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
failures = 0
jobs = (
    lambda: run.save_checkpoint(9, lambda path: (path / "big.bin").write_bytes(bytes(200_000))),
    lambda: run.note_resume({"seed": 0, "note": "x" * 200_000}, []),
    lambda: run.append_metrics(2, {"note": "x" * 200_000}),
)
for job in jobs:
    try:
        job()
    except OSError as error:
        failures += is_disk_full(error)
sys.exit(failures)
"""


def test_a_real_write_error_leaves_everything_as_it_was(folder):
    with start(folder) as run:
        run.append_metrics(1, {"a": 1})
        run.save_checkpoint(5, text("good"))
    before = {path: data for path, data in snapshot(folder).items() if path.name != "run.lock"}
    done = subprocess.run([sys.executable, "-c", LIMITED, str(folder)], check=False)
    assert done.returncode == 3  # all three were refused as a full disk
    after = {path: data for path, data in snapshot(folder).items() if path.name != "run.lock"}
    assert after == before
