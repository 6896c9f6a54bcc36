"""Airframes as JSON files."""

import json

import pytest

from eyas.envs.quadrotor.airframe_file import find_airframe, load_airframe, save_airframe
from eyas.envs.quadrotor.named import NAMED
from eyas.errors import InputError

OWN = {
    "name": "mine",
    "mass": 0.25,
    "inertia": [3.2e-4, 3.2e-4, 5.6e-4],
    "rotor_positions": [[0.06, -0.06, 0], [-0.06, -0.06, 0], [-0.06, 0.06, 0], [0.06, 0.06, 0]],
    "thrust_coefficients": [0.0, 0.2, 1.6],
    "torque_constants": 0.012,
    "rising_time_constants": [0.03, 0.03, 0.04, 0.04],
    "falling_time_constants": 0.05,
}


@pytest.mark.parametrize("name", list(NAMED))
def test_what_is_saved_is_read_back_exactly(tmp_path, name):
    save_airframe(tmp_path / "a.json", NAMED[name])
    assert load_airframe(tmp_path / "a.json") == NAMED[name]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_one_rotor_may_stand_for_all(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(OWN))
    airframe = find_airframe(str(path))
    assert airframe.thrust_coefficients == ((0.0, 0.2, 1.6),) * 4
    assert airframe.torque_constants == (0.012,) * 4
    assert airframe.rising_time_constants == (0.03, 0.03, 0.04, 0.04)
    assert airframe.drag == (0.0, 0.0, 0.0)


def test_names_come_first():
    assert find_airframe("x500") is NAMED["x500"]
    with pytest.raises(InputError, match=r"airframe 'x501' is unknown; there are: crazyflie, .*json"):
        find_airframe("x501")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mass": 0}, "mass = 0.0 must be above 0"),
        ({"mass": "heavy"}, "mass = 'heavy' is not numbers"),
        ({"mass": True}, "mass = True is not numbers"),
        ({"mass": 5.0}, "thrust_to_weight = .* must be at least 1"),
        ({"inertia": [-1e-4, 3e-4, 5e-4]}, "inertia = .* must be above 0"),
        ({"inertia": [3e-4, 3e-4]}, "inertia has shape"),
        (
            {"thrust_coefficients": [0, float("nan"), 1.6]},
            "thrust_coefficients = .*nan.* must be finite",
        ),
        ({"rotor_positions": [[0, 0, 0]]}, "rotor_positions has shape"),
        ({"name": 7}, "name = 7 must be a text"),
        ({"arms": 4}, "has an unknown field 'arms'; there are: name, mass"),
        ({"mass": None}, "mass = None is not numbers"),
    ],
)
def test_a_bad_airframe_is_refused_with_its_file(tmp_path, change, message):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(OWN | change))
    with pytest.raises(InputError, match=rf"bad\.json.*{message}"):
        load_airframe(path)


def test_a_bad_file_is_refused(tmp_path):
    path = tmp_path / "bad.json"
    with pytest.raises(InputError, match="there is no airframe file"):
        load_airframe(path)
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        load_airframe(path)
    path.write_text("[1]")
    with pytest.raises(InputError, match="holds no airframe"):
        load_airframe(path)
    path.write_text(json.dumps({k: v for k, v in OWN.items() if k != "mass"}))
    with pytest.raises(InputError, match="has no field 'mass'; an airframe needs name, mass"):
        load_airframe(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        load_airframe(path)
