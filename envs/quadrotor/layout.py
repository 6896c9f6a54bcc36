"""Where in a block what stands: the rows of a copy's airframe, state, loads and episode.

A block is one flat array (:mod:`~eyas.envs.quadrotor.lanes`), so that the compiler sees that no two rows
overlap.
"""

from __future__ import annotations

from .dynamics import AIRFRAME_ROWS, STATE_ROWS

# A block. The airframe comes first, where load_airframe looks for it.
STATE = AIRFRAME_ROWS
ACCELERATION = STATE + STATE_ROWS  # disturbance force per mass, world (m/s^2)
POWER = ACCELERATION + 3  # fraction of its thrust that each rotor gives
FADING = POWER + 4  # what it loses of that per step
LAST_ACTION = FADING + 4  # as the reward sees it: 0 at the start
SHOWN_ACTION = LAST_ACTION + 4  # as the observation shows it: what holds the rotors, at the start
REFERENCE = SHOWN_ACTION + 4  # position (m), velocity (m/s)
LANGEVIN = REFERENCE + 6  # the same before the low-pass filter
MOVING = LANGEVIN + 6  # 1 where the reference moves, else 0
AGE = MOVING + 1  # steps of this episode
POSITION_LIMIT = AGE + 1  # the episode ends beyond it (m)
NOISE = POSITION_LIMIT + 1  # deviations: position, rotation, linear velocity, angular velocity
OBSERVATION_DELAY = NOISE + 4  # steps
ACTION_DELAY = OBSERVATION_DELAY + 1  # steps
BLOCK_ROWS = ACTION_DELAY + 1

# Scratch of one step: small enough to stay in the cache from block to block.
ACTION = 0  # as given
COMMAND = ACTION + 4  # as it reaches the motors
WAITING = COMMAND + 4  # what goes into a delay
REWARD = WAITING + 18
ENDED = REWARD + 1  # 1 where the episode ended
OBSERVED = ENDED + 1
SCRATCH_ROWS = OBSERVED + 26

# An observation: position, rotation matrix by rows, linear velocity, angular velocity (the sensed
# ones), previous action, rotor speeds.
SENSED = 18
STUDENT_SIZE, TEACHER_SIZE = 22, 26

# A row of the table of vehicles, from which a reset takes one: the airframe's rows, then these.
VEHICLE_POSITION_LIMIT = AIRFRAME_ROWS
VEHICLE_REACH = VEHICLE_POSITION_LIMIT + 1  # largest coordinate at the start (m)
VEHICLE_NOISE = VEHICLE_REACH + 1
VEHICLE_FADING = VEHICLE_NOISE + 4
VEHICLE_ACCELERATION = VEHICLE_FADING + 4  # its standard deviation (m/s^2)
VEHICLE_OBSERVATION_DELAY = VEHICLE_ACCELERATION + 1
VEHICLE_ACTION_DELAY = VEHICLE_OBSERVATION_DELAY + 1
VEHICLE_COLUMNS = VEHICLE_ACTION_DELAY + 1
