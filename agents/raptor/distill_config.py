"""What ``eyas raptor distill`` can be told; light to import."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from ...bounds import Count, Seed, whole
from ...errors import InputError
from ..resuming import refuse_contradiction
from .gradient_config import GradientConfig
from .imitation_config import ImitationOptions, PresetName, Recipe, as_options, choose_recipe

MethodName = Literal["gradient", "imitation"]
DEFAULT_OPTIONS = ImitationOptions()


@dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """Train one policy that flies any quadrotor."""

    method: MethodName = "gradient"
    """Through the derivative of the dynamics, or from teachers."""
    teachers: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="")] = None
    """Imitation: what ``eyas raptor teachers`` made."""
    preset: PresetName = "eyas"
    """Imitation: our recipe, or the published one."""
    steps: Annotated[
        Count | None,
        arg(metavar="INT", help_behavior_hint="(default: by gradient.updates, or the resumed run's)"),
    ] = None
    """Gradient: environment steps in all, summed over the vehicles, rounded up to whole updates."""
    epochs: Annotated[
        Count | None,
        arg(metavar="INT", help_behavior_hint="(default: the preset's, or the resumed run's)"),
    ] = None
    """Imitation: rounds of flying and learning; the presets have 4000 and 1000."""
    start: Annotated[
        Path | None, arg(metavar="POLICY", help_behavior_hint="(default: random weights)")
    ] = None
    """Policy file to start from."""
    threads: Annotated[int, whole(1, 1024)] = 1
    """Cores."""
    seed: Seed = 0
    """Where all random numbers come from."""
    out: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: runs/NAME-TIME)")
    ] = None
    """Run folder, must be new or empty."""
    resume: Annotated[
        Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: start anew)")
    ] = None
    """Run folder to continue with its own settings; only steps or epochs may be raised."""
    quiet: bool = False
    """Show no progress."""
    gradient: GradientConfig = field(default_factory=GradientConfig)
    """For the method gradient."""
    imitation: ImitationOptions = field(default_factory=ImitationOptions)
    """For the method imitation; in brackets the values of the presets eyas and raptor."""


# What says where and how a run is worked on, not what it computes.
_NOT_STORED = frozenset({"out", "resume", "quiet", "threads"})
_RAISED = ("steps", "epochs")


def started_config(given: DistillConfig) -> DistillConfig:
    """The config to start a new run with: the given one with everything filled in.

    Raises:
        InputError: a setting is missing, or is one of the other method.
    """
    config = _with_full_paths(given)
    if config.method == "imitation":
        if config.teachers is None:
            raise InputError(
                "method = imitation needs teachers: the folder that `eyas raptor teachers` made"
            )
        if config.steps is not None:
            raise InputError(f"steps = {config.steps} is for method = gradient; give epochs")
        if config.gradient != GradientConfig():
            raise InputError("settings of gradient were given, but method = imitation")
        recipe = choose_recipe(config.preset, config.imitation, config.epochs)
        return dataclasses.replace(config, epochs=recipe.epochs, imitation=as_options(recipe))
    for name, usual in (("teachers", None), ("preset", "eyas"), ("epochs", None)):
        if (value := getattr(config, name)) != usual:
            raise InputError(f"{name} = {value} is for method = imitation, not gradient")
    if config.imitation != DEFAULT_OPTIONS:
        raise InputError("settings of imitation were given, but method = gradient")
    settings = config.gradient
    return _with_steps(config, config.steps or settings.updates * _steps_per_update(settings))


def resumed_config(given: DistillConfig, stored: DistillConfig) -> DistillConfig:
    """The config to go on with after ``--resume``: the stored one, perhaps longer.

    Raises:
        InputError: a field was given that contradicts the run, or fewer steps or epochs than it had.
    """
    given = _with_full_paths(given)
    refuse_contradiction(given, DistillConfig(), stored, _NOT_STORED | set(_RAISED))
    config = dataclasses.replace(stored, **{name: getattr(given, name) for name in _NOT_STORED})
    for name in _RAISED:
        value, before = getattr(given, name), getattr(stored, name)
        if value is None:
            continue
        if before is None:
            raise InputError(f"{name} = {value} is not for method = {stored.method}")
        if value < before:
            raise InputError(
                f"{name} = {value} is less than the {before} of the run to resume; only more is allowed"
            )
        config = dataclasses.replace(config, **{name: value})
    return config if config.steps is None else _with_steps(config, config.steps)


def recipe_of(config: DistillConfig) -> Recipe:
    """The recipe of a started imitation."""
    return choose_recipe(config.preset, config.imitation, config.epochs)


def gradient_settings(config: DistillConfig) -> GradientConfig:
    """The settings of a started training by gradients."""
    return dataclasses.replace(
        config.gradient, threads=config.threads, seed=config.seed, quiet=config.quiet
    )


def _steps_per_update(settings: GradientConfig) -> int:
    return settings.vehicles * settings.horizon


def _with_steps(config: DistillConfig, steps: int) -> DistillConfig:
    per_update = _steps_per_update(config.gradient)
    updates = -(-steps // per_update)
    settings = dataclasses.replace(config.gradient, updates=updates)
    return dataclasses.replace(config, steps=updates * per_update, gradient=settings)


def _with_full_paths(config: DistillConfig) -> DistillConfig:
    """Paths that mean the same wherever the run is resumed."""
    full: dict[str, Any] = {
        name: path.resolve()
        for name in ("teachers", "start")
        if (path := getattr(config, name)) is not None
    }
    return dataclasses.replace(config, **full)
