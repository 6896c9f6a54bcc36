"""How a student imitates its teachers: RAPTOR's recipe and ours; light to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import arg

from ...bounds import Count, real, whole
from ...errors import InputError

PresetName = Literal["eyas", "raptor"]
CurriculumName = Literal["none", "alp-gmm"]
Share = Annotated[float, real(0, 1)]
Delay = tuple[Share, Share, Share, Share]
_preset = arg(help_behavior_hint="(default: the preset's)")
_preset_number = arg(help_behavior_hint="(default: the preset's)", metavar="NUMBER")
_preset_switch = arg(help_behavior_hint="(default: the preset's)", metavar="{True,False}")


@dataclass(frozen=True, kw_only=True)
class ImitationOptions:
    """What differs from the preset; the values of the presets eyas and raptor are in brackets."""

    cloning_epochs: Annotated[Annotated[int, whole(0, 10**6)] | None, _preset_number] = None
    """Epochs at the start in which the teachers fly, not the student [5, 10]."""
    teacher_count: Annotated[Count | None, arg(metavar="INT", help_behavior_hint="(default: all)")] = (
        None
    )
    """Teachers to use, the first ones of the folder."""
    teachers_per_epoch: Annotated[Annotated[int, whole(0, 10**6)] | None, _preset_number] = None
    """Teachers whose vehicles are flown in an epoch; 0 is all [32, 0]."""
    episodes: Annotated[Annotated[int, whole(1, 1024)] | None, _preset_number] = None
    """Episodes per teacher and epoch [16, 10]."""
    rows: Annotated[Annotated[int, whole(1, 65_536)] | None, _preset_number] = None
    """Rows of 500 steps per step of the optimiser; multiples of 128 leave no lane idle [128, 64]."""
    passes: Annotated[Annotated[int, whole(1, 100)] | None, _preset_number] = None
    """Passes over the rows of an epoch [3, 1]."""
    hidden: Annotated[Annotated[int, whole(4, 32)] | None, _preset_number] = None
    """Units of the student, a multiple of 4 [16, 16]."""
    learning_rate: Annotated[Annotated[float, real(1e-8, 1)] | None, _preset_number] = None
    """Largest step size of Adam [5e-3, 1e-4]."""
    final_learning_rate: Annotated[Share | None, _preset_number] = None
    """Share of it that is left at the end of a cosine [0.02, 1]."""
    gradient_clip: Annotated[Annotated[float, real(0, 1e6)] | None, _preset_number] = None
    """Largest norm of a gradient; 0 is any [1, 0]."""
    averaging: Annotated[Share | None, _preset_number] = None
    """Weight of the past in the average of the weights that becomes the policy; 0 keeps the weights
    that flew best instead [0.995, 0]."""
    errors: Annotated[bool | None, _preset_switch] = None
    """The student sees errors of position and velocity, not the values themselves [True, False]."""
    offsets: Annotated[bool | None, _preset_switch] = None
    """Subtract where its teacher comes to rest from the positions a student learns from [False, True]."""
    straddle: Annotated[bool | None, _preset_switch] = None
    """Let episodes go on in the next row, where the memory is the initial one again [False, True]."""
    learn_memory: Annotated[bool | None, _preset_switch] = None
    """Learn the initial memory, which is 0 otherwise [True, False]."""
    clip_actions: Annotated[bool | None, _preset_switch] = None
    """Show the student its actions as the motors get them, within [-1, 1] [True, False]."""
    noise: Annotated[Annotated[float, real(0, 10)] | None, _preset_number] = None
    """Largest level of the student's observation noise; a third of the episodes has none [1.2, 0]."""
    delay: Annotated[Delay | None, _preset] = None
    """Shares of episodes whose observations are 0, 1, 2 and 3 steps late
    [0.5 0.3 0.13 0.07, 1 0 0 0]."""
    hover: Annotated[Share | None, _preset_number] = None
    """Episodes that start on the reference at hover speed, not in a random state [0.3, 0]."""
    wandering: Annotated[Share | None, _preset_number] = None
    """Episodes whose reference is a Langevin process [0.4, 0.5]."""
    curves: Annotated[Share | None, _preset_number] = None
    """Episodes whose reference is a figure-eight or another Lissajous curve [0.3, 0]."""
    curriculum: Annotated[CurriculumName | None, _preset] = None
    """Who chooses the vehicles of an epoch: chance or a teacher [none, none]."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings of an imitation: those of :class:`ImitationOptions`, and how long it lasts."""

    epochs: int
    """Rounds of flying and learning."""
    cloning_epochs: int
    teacher_count: int | None = None
    teachers_per_epoch: int
    episodes: int
    rows: int
    passes: int
    hidden: int
    learning_rate: float
    final_learning_rate: float
    gradient_clip: float
    averaging: float
    errors: bool
    offsets: bool
    straddle: bool
    learn_memory: bool
    clip_actions: bool
    noise: float
    delay: Delay
    hover: float
    wandering: float
    curves: float
    curriculum: CurriculumName

    def __post_init__(self) -> None:
        if self.hidden % 4:
            raise InputError(f"hidden = {self.hidden} must be a multiple of 4")
        if not sum(self.delay) > 0:
            raise InputError(f"delay = {self.delay} must have a share above 0")
        if self.wandering + self.curves > 1:
            raise InputError(
                f"wandering = {self.wandering} and curves = {self.curves} must not exceed 1 together"
            )


RECIPES: Mapping[PresetName, Recipe] = {
    "eyas": Recipe(
        epochs=4000,
        cloning_epochs=5,
        teachers_per_epoch=32,
        episodes=16,
        rows=128,
        passes=3,
        hidden=16,
        learning_rate=5e-3,
        final_learning_rate=0.02,
        gradient_clip=1.0,
        averaging=0.995,
        errors=True,
        offsets=False,
        straddle=False,
        learn_memory=True,
        clip_actions=True,
        noise=1.2,
        delay=(0.5, 0.3, 0.13, 0.07),
        hover=0.3,
        wandering=0.4,
        curves=0.3,
        curriculum="none",
    ),
    "raptor": Recipe(
        epochs=1000,
        cloning_epochs=10,
        teachers_per_epoch=0,
        episodes=10,
        rows=64,
        passes=1,
        hidden=16,
        learning_rate=1e-4,
        final_learning_rate=1.0,
        gradient_clip=0.0,
        averaging=0.0,
        errors=False,
        offsets=True,
        straddle=True,
        learn_memory=False,
        clip_actions=False,
        noise=0.0,
        delay=(1.0, 0.0, 0.0, 0.0),
        hover=0.0,
        wandering=0.5,
        curves=0.0,
        curriculum="none",
    ),
}
"""``raptor`` is that of rl-tools/raptor, ``src/foundation_policy/post_training``; ``eyas`` is ours."""


def choose_recipe(preset: PresetName, options: ImitationOptions, epochs: int | None) -> Recipe:
    """A preset with the options that were given.

    Raises:
        InputError: two settings do not go together.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    recipe = dataclasses.replace(RECIPES[preset], **given)
    return recipe if epochs is None else dataclasses.replace(recipe, epochs=epochs)


def as_options(recipe: Recipe) -> ImitationOptions:
    """A recipe as options that leave nothing to a preset, so that a run keeps its own."""
    return ImitationOptions(**{k: value for k, value in vars(recipe).items() if k != "epochs"})
