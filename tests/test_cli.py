import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from eyas import __version__, cli
from eyas.agents import config as walker
from eyas.errors import InputError
from eyas.runs import Run

ROOT = Path(cli.__file__).resolve().parent
EYAS = [sys.executable, "-m", "eyas"]


def process(*words, cwd=None):
    """Run the command line in a process of its own; exit code, standard output, standard error."""
    done = subprocess.run(
        [*EYAS, *words], capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def eyas(capsys, monkeypatch, tmp_path):
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words):
        try:
            code = cli.main(words)
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def refused(done):
    """The one sentence of a refusal; only the news that a world is compiled may come before it."""
    code, output, told = done
    assert code == 2, (output, told)
    assert output == ""
    *news, sentence = told.splitlines()
    assert all(line.startswith("Compil") for line in news), told
    assert sentence.startswith("eyas: ")
    return sentence


# Help -----------------------------------------------------------------------------------------


def test_help_fits_one_screen_and_names_every_command():
    for words in ((), ("--help",), ("-h",)):
        code, output, told = process(*words)
        assert (code, told) == (0, "")
        assert len(output.splitlines()) <= 24
        usage, *others = output.splitlines()  # tyro lists all commands in the usage line: it wraps
        assert len(usage) <= 2 * 80
        assert max(map(len, others)) <= 80
        for command in cli.COMMANDS:
            assert f"• {command.words[0]} " in output


def test_help_loads_nothing_heavy():
    script = (
        "import sys\nfrom eyas.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    heavy = {"torch", "numba", "sklearn", "scipy", "ray", "matplotlib", "gymnasium", "numpy"}
    for words in (["--help"], ["train", "walker", "--help"], ["evaluate", "-h"], ["runs", "-h"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
        )
        assert not heavy & set(re.findall(r"\w+", done.stderr)), words


def test_help_takes_less_than_half_a_second():
    def seconds():
        before = os.times()
        process("--help")
        after = os.times()
        return (after.children_user + after.children_system) - (
            before.children_user + before.children_system
        )

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: " ".join(command.words))
def test_every_command_has_help_with_defaults_and_an_example(eyas, command):
    code, output, _ = eyas(*command.words, "--help")
    assert code == 0
    assert f"Example: eyas {command.example}" in output
    assert "(default: " in output
    assert command.example.split()[: len(command.words)] == list(command.words)


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: " ".join(command.words))
def test_every_example_is_understood(command):
    parsed, config = cli._parse(command.example.split())
    assert parsed is command
    assert type(config).__name__ == command.config.rpartition(":")[2]
    cli.check(config)
    assert callable(cli._load(command.function))


def test_version(eyas):
    assert eyas("--version") == (0, f"eyas {__version__}\n", "")


def test_the_console_script_is_the_same(tmp_path):
    script = Path(sys.executable).with_name("eyas")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == f"eyas {__version__}\n"


def test_it_runs_from_the_checkout_too():
    assert process("--version", cwd=ROOT)[0] == 0


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_completion_scripts(eyas, shell):
    code, output, _ = eyas("--completion", shell)
    assert code == 0
    for word in ("train", "evaluate", "checkpoint-every"):
        assert word in output


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_and_options(tmp_path):
    script = tmp_path / "eyas.sh"
    script.write_text(process("--completion", "bash")[1])

    def complete(*words):
        lines = f"""
            source {script}
            COMP_WORDS=({" ".join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}
            COMP_LINE="{" ".join(words)}"; COMP_POINT=${{#COMP_LINE}}
            $(complete -p eyas | sed 's/.*-F \\([^ ]*\\) .*/\\1/') eyas "${{COMP_WORDS[COMP_CWORD]}}" ""
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        return subprocess.run(
            ["bash", "-c", lines], capture_output=True, text=True, check=True
        ).stdout.split()

    assert complete("eyas", "ev") == ["evaluate"]
    assert "--teacher" in complete("eyas", "train", "walker", "--te")


# Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", ["0", "-5", "abc", "nan", "inf", "1.5", "", "1e400", "2e13"])
def test_a_step_count_that_is_none(eyas, tmp_path, steps):
    told = refused(eyas("train", "walker", "--steps", steps, "--out", "run"))
    assert f"--steps = {int(float(steps)) if steps == '2e13' else steps}" in told.replace("'", "")
    assert "a whole number from 1 to 1_000_000_000_000" in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train", "walker", "--seed", "-1"), "--seed = -1 "),
        (("train", "walker", "--copies", "0"), "--copies = 0 "),
        (("train", "walker", "--learning-rate", "nan"), "--learning-rate = nan "),
        (("train", "walker", "--gamma", "1.5"), "--gamma = 1.5 "),
        (("train", "walker", "--hidden", "64", "many"), "--hidden = 'many' "),
        (("evaluate", "nowhere"), "nowhere does not exist"),
        (("evaluate", "nowhere", "--episodes", "0"), "--episodes = 0 "),
        (("train", "walker", "--resume", "nowhere"), "nowhere does not exist"),
        (("runs", "nowhere"), "nowhere does not exist"),
        (
            ("bench", "swimmer"),
            "'swimmer' does not exist; there are: walker, quadrotor, raptor, export, circuit, goals, sizing, toy, all",
        ),
        (("bench", "toy", "--seconds", "0"), "--seconds = 0.0 "),
        (("toy", "--episodes", "abc"), "--episodes = 'abc' "),
        (("--completion", "cmd"), "bash, fish, zsh"),
        (("--completion",), "bash, fish, zsh"),
    ],
)
def test_bad_values_get_one_sentence(eyas, tmp_path, words, told):
    assert told in refused(eyas(*words))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("fly",), "fly"),
        (("train",), "walker"),
        (("train", "bike"), "bike"),
        (("train", "walker", "--stpes", "5"), "--steps"),
        (("train", "walker", "--teacher", "me"), "alp-gmm"),
        (("train", "walker", "--terrain", "moon"), "stump-tracks"),
        (("train", "walker", "--steps"), "--steps"),
        (("evaluate",), "RUN"),
    ],
)
def test_bad_words_are_told_with_what_would_do(eyas, tmp_path, words, told):
    code, output, error = eyas(*words)
    assert (code, output) == (2, "")
    assert told in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_not_overwritten(eyas, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "diary.txt").write_text("mine")
    told = refused(eyas("train", "walker", "--steps", "1000", "--out", "run"))
    assert "not empty" in told
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["diary.txt"]


@pytest.mark.parametrize("words", [("evaluate",), ("train", "walker", "--resume")])
@pytest.mark.parametrize(
    ("content", "told"),
    [('{"model": "resnet"}', "is not a run"), ('{"schema": 99}', "schema version 99")],
)
def test_a_foreign_run_folder(eyas, tmp_path, words, content, told):
    (tmp_path / "config.json").write_text(content)
    assert told in refused(eyas(*words, str(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_corrupt_checkpoint(eyas, tmp_path):
    config = walker.TrainWalkerConfig(steps=1000)
    with Run.create(tmp_path / "run", config, [], job="train walker") as run:
        checkpoint = run.save_checkpoint(5, lambda folder: (folder / "a").write_text("good") and None)
    (checkpoint.folder / "a").write_text("bad")
    assert "is corrupt: a is not what was saved" in refused(eyas("train", "walker", "--resume", "run"))


# Exit codes -----------------------------------------------------------------------------------


@pytest.fixture
def job(monkeypatch):
    """Make `eyas runs` do something else."""

    def replace(function):
        load = cli._load
        monkeypatch.setattr(
            cli, "_load", lambda place: function if place == ".listing:run" else load(place)
        )

    return replace


def test_the_job_gets_its_config_and_gives_the_exit_code(job):
    seen = []
    job(lambda config: seen.append(config) or 7)
    assert cli.main(["runs", "elsewhere", "--json"]) == 7
    assert (seen[0].folder, seen[0].json) == (Path("elsewhere"), True)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError("the cat = 9 is outside [0, 8]"), 2, "eyas: the cat = 9 is outside [0, 8]\n"),
        (OSError(errno.ENOSPC, "No space", "runs/a"), 2, "the disk is full (runs/a)"),
        (OSError(errno.EDQUOT, "Quota"), 2, "the disk is full;"),
        (PermissionError(errno.EACCES, "No", "runs/a"), 2, "permission denied (runs/a)"),
        (KeyboardInterrupt(), 130, "eyas: interrupted\n"),
    ],
)
def test_exit_codes(job, capsys, error, code, told):
    def fails(config):
        raise error

    job(fails)
    assert cli.main(["runs"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.count("\n") == 1


def test_what_nobody_expects_is_not_hidden(job):
    def fails(config):
        raise ZeroDivisionError

    job(fails)
    with pytest.raises(ZeroDivisionError):
        cli.main(["runs"])


def test_control_c_ends_a_job_with_one_line(tmp_path):
    words = ["train", "walker", "--steps", "1e9", "--quiet", "--out", "run"]
    job = subprocess.Popen(
        [*EYAS, *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has made their children deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while not (tmp_path / "run" / "config.json").exists():
            assert job.poll() is None
        job.send_signal(signal.SIGINT)
        printed, told = job.communicate(timeout=120)
    finally:
        job.kill()
    assert job.returncode == 130
    assert "Traceback" not in told
    # Once the job has begun it says how to go on.
    last = [*told.splitlines(), *printed.splitlines()][-1]
    assert last == "eyas: interrupted" or last.startswith("Stopped after")


def test_a_closed_pipe_is_no_error(tmp_path):
    done = subprocess.run(
        f"{' '.join(EYAS)} envs | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable=shutil.which("bash"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.count("\n") == 1


def test_one_thread_unless_the_user_says_otherwise(job, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    seen = []
    job(lambda config: seen.append((os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"])) or 0)
    assert cli.main(["runs"]) == 0
    assert seen == [("1", "3")]


# What the options offer is what there is ---------------------------------------------------------


def test_choices_are_what_the_registries_hold():
    from eyas.curricula import TEACHERS
    from eyas.envs.walker.bodies_teachmyagent import BODIES
    from eyas.envs.walker.env import SOLVERS
    from eyas.envs.walker.terrain import TERRAINS

    assert set(get_args(walker.TeacherName)) == set(TEACHERS)
    assert set(get_args(walker.TerrainName)) == set(TERRAINS)
    assert set(get_args(walker.BodyName)) == set(BODIES)
    assert set(get_args(walker.SolverName)) == set(SOLVERS)
