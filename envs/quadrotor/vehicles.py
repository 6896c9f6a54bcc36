"""The table of vehicles a batch draws from: airframes with the conditions they fly in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .airframe import Airframe, Airframes
from .distribution import (
    MAX_POSITION,
    POSITION_THRESHOLD,
    Array,
    Conditions,
    RaptorSample,
    ideal_conditions,
    random_conditions,
    raptor_airframes,
    wide_airframes,
)
from .dynamics import AIRFRAME_ROWS, TIME_STEP, pack
from .layout import (
    VEHICLE_ACCELERATION,
    VEHICLE_ACTION_DELAY,
    VEHICLE_COLUMNS,
    VEHICLE_FADING,
    VEHICLE_NOISE,
    VEHICLE_OBSERVATION_DELAY,
    VEHICLE_POSITION_LIMIT,
    VEHICLE_REACH,
)
from .named import NAMED


def choose_airframes(
    airframes: str | Airframe | Airframes | RaptorSample, pool: int, seed: int
) -> tuple[Airframes, Array | None]:
    """The airframes meant, and the deviations of their disturbance forces (N) if they come with some.

    Raises:
        InputError: there is no airframe and no distribution of this name.
    """
    if airframes == "raptor":
        airframes = raptor_airframes(np.random.default_rng(seed), pool)
    elif airframes == "wide":
        airframes = wide_airframes(np.random.default_rng(seed), pool)
    elif isinstance(airframes, str):
        if airframes not in NAMED:
            names = ", ".join(("raptor", "wide", *NAMED))
            raise InputError(f"airframes = {airframes!r} is unknown; choose from {names}")
        airframes = NAMED[airframes]
    if isinstance(airframes, RaptorSample):
        return airframes.airframes, airframes.disturbance_force_std
    if isinstance(airframes, Airframe):
        airframes = Airframes.stack([airframes])
    if not len(airframes):
        raise InputError("airframes must be one or more")
    return airframes, None


def choose_conditions(
    conditions: str | Conditions | None, airframes: Airframes | None, force: Array | None, seed: int
) -> Conditions:
    """One row of conditions per airframe; one row where the airframes are tasks.

    Raises:
        InputError: the name is unknown, there are other numbers of rows, or random conditions are asked
            for airframes that are not known yet.
    """
    count = 1 if airframes is None else len(airframes)
    if conditions is None:
        return ideal_conditions(count, 0.0 if force is None else force)
    if isinstance(conditions, str):
        if conditions == "ideal":
            return ideal_conditions(count)
        if conditions != "random":
            raise InputError(f"conditions = {conditions!r} is unknown; choose from ideal, random")
        if airframes is None:
            raise InputError("conditions = 'random' needs airframes; tasks say nothing of conditions")
        # Not the stream that drew the airframes.
        rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
        return random_conditions(rng, airframes)
    if len(conditions) not in (1, count):
        raise InputError(f"conditions have {len(conditions)} rows, expected 1 or {count}")
    if airframes is None and conditions.disturbance_force_std.any():
        raise InputError("conditions must leave the disturbance force to the task, which has it")
    return conditions.select(np.zeros(count, np.int64)) if len(conditions) == 1 else conditions


def vehicle_table(airframes: Airframes, conditions: Conditions) -> NDArray[np.float32]:
    """Rows for the kernel, shape ``(count, VEHICLE_COLUMNS)``."""
    table = np.zeros((len(airframes), VEHICLE_COLUMNS), np.float32)
    table[:, :AIRFRAME_ROWS] = pack(airframes).T
    table[:, VEHICLE_POSITION_LIMIT] = POSITION_THRESHOLD * airframes.rotor_distance
    table[:, VEHICLE_REACH] = MAX_POSITION * airframes.rotor_distance
    table[:, VEHICLE_ACCELERATION] = conditions.disturbance_force_std / airframes.mass
    write_conditions(conditions, table)
    return table


def write_conditions(conditions: Conditions, table: NDArray[np.float32]) -> None:
    """Write all conditions but the force into rows of the table, one row for all or one each."""
    table[:, VEHICLE_NOISE : VEHICLE_NOISE + 4] = conditions.noise
    fading = conditions.battery_sag[:, None] + conditions.power_loss
    table[:, VEHICLE_FADING : VEHICLE_FADING + 4] = fading * TIME_STEP
    table[:, VEHICLE_OBSERVATION_DELAY] = conditions.observation_delay
    table[:, VEHICLE_ACTION_DELAY] = conditions.action_delay
