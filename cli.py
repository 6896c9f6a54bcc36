"""The front door: one subcommand per job, each generated from its config dataclass.

There is no logic of its own here: a command names a config and the function that gets it, both
imported when the command is chosen, so that ``eyas --help`` needs neither torch nor numba.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tyro.conf import FlagCreatePairsOff
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo
from tyro.extras import SubcommandApp

from . import __version__
from .bounds import check, read_number, show_number
from .errors import InputError
from .files import is_disk_full


class Command(NamedTuple):
    """One subcommand."""

    words: tuple[str, ...]
    """How it is called."""
    config: str
    """Where its config dataclass is, ``"module:class"`` relative to this package."""
    function: str
    """What does the job: takes the config, returns the exit code."""
    summary: str
    """One line for the list of commands."""
    example: str
    """What its help shows after ``eyas``."""


COMMANDS = (
    Command(
        words=("train", "walker"),
        config=".agents.config:TrainWalkerConfig",
        function=".agents.train_walker:train",
        summary="Train a walker on tracks that a teacher chooses.",
        example="train walker --teacher alp-gmm --student ppo --steps 2e6 --out runs/first",
    ),
    Command(
        words=("train", "circuit"),
        config=".agents.sizing.goal_config:TrainGoalsConfig",
        function=".agents.sizing.goal_training:train_goals",
        summary="Train a policy that sizes an op-amp for any specification.",
        example="train circuit --simulations 60_000 --out runs/goals",
    ),
    Command(
        words=("evaluate",),
        config=".agents.config:EvaluateConfig",
        function=".agents.evaluate:evaluate",
        summary="Test a trained walker again.",
        example="evaluate runs/first --tracks test-set",
    ),
    Command(
        words=("compare",),
        config=".agents.compare_config:CompareConfig",
        function=".agents.compare:compare",
        summary="Compare teachers on one world, with statistics.",
        example="compare --teachers alp-gmm,random --world stump-tracks --seeds 3 --out runs/compared",
    ),
    Command(
        words=("raptor", "teachers"),
        config=".agents.raptor.teachers_config:TeachersConfig",
        function=".agents.raptor.teachers:train_teachers",
        summary="Train one teacher per airframe, many at a time.",
        example="raptor teachers --count 1000 --workers 2 --out runs/teachers",
    ),
    Command(
        words=("raptor", "distill"),
        config=".agents.raptor.distill_config:DistillConfig",
        function=".agents.raptor.distill:distill",
        summary="Train one policy that flies any quadrotor.",
        example="raptor distill --method gradient --out runs/policy",
    ),
    Command(
        words=("raptor", "evaluate"),
        config=".agents.raptor.evaluate_config:EvaluateConfig",
        function=".agents.raptor.evaluate:evaluate",
        summary="Fly a policy through the protocols P0 to P3.",
        example="raptor evaluate runs/raptor/policy.safetensors --json figures.json",
    ),
    Command(
        words=("raptor", "fly"),
        config=".agents.raptor.fly_config:FlyConfig",
        function=".agents.raptor.fly:fly",
        summary="Fly a policy along a trajectory; a picture and a video.",
        example="raptor fly --airframe crazyflie --trajectory figure-eight",
    ),
    Command(
        words=("simulate",),
        config=".agents.sizing.simulate_config:SimulateConfig",
        function=".agents.sizing.simulate:simulate",
        summary="Simulate designs of a circuit, natively or in ngspice.",
        example="simulate two-stage-tia --set W1=1.02 --set RF=420",
    ),
    Command(
        words=("size",),
        config=".agents.sizing.size_config:SizeConfig",
        function=".agents.sizing.size:size",
        summary="Size the transistors of a circuit for a spec.",
        example="size three-stage-tia --simulations 1000",
    ),
    Command(
        words=("export",),
        config=".hardware.export_config:ExportConfig",
        function=".hardware.export:export",
        summary="Turn a policy into C for a flight controller.",
        example="export runs/raptor/policy.safetensors --target crazyflie",
    ),
    Command(
        words=("runs",),
        config=".listing:RunsConfig",
        function=".listing:run",
        summary="List the runs in a folder.",
        example="runs",
    ),
    Command(
        words=("toy",),
        config=".curricula.toy:ToyConfig",
        function=".curricula.toy:run",
        summary="Compare teachers on the n-dimensional grid toy.",
        example="toy --teacher all --seeds 20",
    ),
    Command(
        words=("bench",),
        config=".bench:BenchConfig",
        function=".bench:run",
        summary="Measure ours and its peers in one run.",
        example="bench walker",
    ),
    Command(
        words=("envs",),
        config=".envs.listing:EnvsConfig",
        function=".envs.listing:run",
        summary="List the worlds and their task parameters.",
        example="envs",
    ),
)

_GROUPS: dict[tuple[str, ...], str] = {
    ("train",): "Train one of the learners.",
    ("raptor",): "One policy that flies any quadrotor.",
}
_DESCRIPTION = """Eyas trains controllers that adapt. Options: eyas COMMAND --help

eyas --completion bash: a script that completes commands (fish, zsh)"""
_SHELLS = ("bash", "fish", "zsh")
# Spinning OpenMP threads that wait for a busy core made learning 5 to 50 times slower.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Returns:
        0 if the job was done, 2 after bad input or on a full disk (one sentence on standard
        error), 130 if it was interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    if words[0] in ("--version", "-V"):
        print(f"eyas {__version__}")
        return 0
    if words[0] == "--completion":
        if words[1:] not in ([shell] for shell in _SHELLS):
            return _refuse(f"--completion takes the name of a shell: {', '.join(_SHELLS)}")
        words[0] = "--tyro-print-completion"
    try:
        command, config = _parse(words)
        check(config, option="--")
        return int(_load(command.function)(config))
    except InputError as error:
        return _refuse(str(error))
    except BrokenPipeError:  # as in `eyas runs | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        if is_disk_full(error):
            return _refuse(f"the disk is full{where}; what was there before is as it was")
        if isinstance(error, PermissionError):
            return _refuse(f"permission denied{where}")
        raise
    except KeyboardInterrupt:
        print("eyas: interrupted", file=sys.stderr)
        return 130


def _parse(words: list[str]) -> tuple[Command, Any]:
    """The command that was chosen and its config; exits on ``--help`` and on errors."""
    app = SubcommandApp()
    groups = {path: SubcommandApp() for path in _GROUPS}
    for path, summary in _GROUPS.items():
        app.command(groups[path], name=path[-1], help=summary)
    wanted = next((c for c in COMMANDS if tuple(words[: len(c.words)]) == c.words), None)
    everything = words[0].replace("_", "-").startswith("--tyro-")  # a completion script
    for command in COMMANDS:
        parent = groups.get(command.words[:-1], app)
        chosen = everything or command is wanted
        target = _load(command.config) if chosen else _Unloaded
        text = f"{command.summary}\n\nExample: eyas {command.example}" if chosen else command.summary
        parent.command(target, name=command.words[-1], help=text)  # type: ignore[call-overload]
    config = app.cli(
        prog="eyas",
        description=_DESCRIPTION,
        args=words,
        config=(FlagCreatePairsOff,),
        registry=_numbers(),
    )
    assert wanted is not None  # nothing else gets through the parser
    return wanted, config


def _numbers() -> ConstructorRegistry:
    """Read numbers leniently: like 2e6 or 20M, and what is none is left for ``check`` to refuse."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def number(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
        if info.type not in (int, float):
            return None
        integer = info.type is int
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="INT" if integer else "FLOAT",
            instance_from_str=lambda words: read_number(words[0], integer),
            is_instance=lambda value: isinstance(value, int if integer else (int, float)),
            str_from_instance=lambda value: [show_number(value)],
        )

    return registry


@dataclass(frozen=True)
class _Unloaded:
    """Stands for the config of a command that was not chosen."""


def _load(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module, __package__), name)
    return loaded


def _refuse(sentence: str) -> int:
    print(f"eyas: {sentence}", file=sys.stderr)
    return 2
