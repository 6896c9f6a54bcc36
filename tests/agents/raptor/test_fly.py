"""Flights of one quadrotor: recorded, drawn, filmed."""

import json
import math

import numpy as np
import pytest

from eyas import cli
from eyas.agents.raptor import flight_film
from eyas.agents.raptor.flight_figure import draw_flight
from eyas.agents.raptor.flight_film import FRAMES_PER_SECOND, HEIGHT, WIDTH, FlightFilm
from eyas.agents.raptor.fly import make_vehicle
from eyas.agents.raptor.recorded_flight import CRASH, RecordingSimulator, record_flight
from eyas.envs.quadrotor.airframe import GRAVITY, Airframes
from eyas.envs.quadrotor.airframe_file import save_airframe
from eyas.envs.quadrotor.evaluation.own_simulator import OwnSimulator
from eyas.envs.quadrotor.evaluation.simulator import (
    ANGULAR_VELOCITY,
    LINEAR_VELOCITY,
    POSITION,
    ROTATION,
)
from eyas.envs.quadrotor.gl_renderer import opengl_loader
from eyas.envs.quadrotor.named import NAMED
from eyas.envs.quadrotor.trajectories import TRAJECTORIES, Hover, Lissajous, figure_eight
from eyas.policies.quadrotor_metadata import describe
from eyas.policies.recurrent_policy import RecurrentPolicy, save_recurrent_policy

AIRFRAME = NAMED["x500"]
QUICK = Lissajous(amplitude=(0.4, 0.2, 0.1), period=4.0, hold=0.2, ramp=0.5, laps=1.0)


class Controller:
    """A cascade of proportional controllers that knows its airframe; stands for a policy."""

    def __init__(self, airframe=AIRFRAME):
        inertia = np.array(airframe.inertia)
        places = np.array(airframe.rotor_positions)
        reaction = np.array([-1, 1, -1, 1]) * airframe.torque_constants
        mixing = np.stack([np.ones(4), places[:, 1], -places[:, 0], reaction])
        self.demixing = np.linalg.inv(mixing)
        self.inertia, self.mass = inertia, airframe.mass
        self.curve = airframe.thrust_coefficients[0]

    def initial_state(self, count):
        return np.zeros((count, 1), np.float32)

    def step(self, observations, hidden):
        seen = observations[0].astype(float)
        turn = seen[ROTATION].reshape(3, 3)
        wanted = -6 * seen[POSITION] - 4 * seen[LINEAR_VELOCITY] + [0, 0, GRAVITY]
        lift = max(wanted @ turn[:, 2], 0)
        tilt = np.cross(turn[:, 2], wanted / np.linalg.norm(wanted))
        yaw = np.array([0, 0, -turn[1, 0]])
        spin = 8 * turn.T @ tilt + 2 * yaw
        torque = self.inertia * 20 * (spin - seen[ANGULAR_VELOCITY])
        thrust = np.maximum(self.demixing @ [self.mass * lift, *torque], 0)
        c0, c1, c2 = self.curve
        speed = (-c1 + np.sqrt(np.maximum(c1 * c1 - 4 * c2 * (c0 - thrust), 0))) / (2 * c2)
        return (2 * speed[None] - 1).astype(np.float32), hidden


class Fall(Controller):
    """Stops its rotors."""

    def step(self, observations, hidden):
        return np.full((1, 4), -1, np.float32), hidden


def flown(simulator="ours", pilot=None, trajectory=QUICK, **options):
    return record_flight(
        make_vehicle(AIRFRAME, simulator), pilot or Controller(), trajectory, **options
    )


# --- the flight ------------------------------------------------------------------------------------


@pytest.mark.parametrize("simulator", ["ours", "mujoco"])
def test_a_flight_follows_its_trajectory(simulator):
    flight = flown(simulator)
    steps = round(100 * QUICK.duration)
    assert flight.position.shape == flight.reference.shape == (steps + 1, 3)
    assert flight.setpoints.shape == (steps, 4)
    assert flight.quaternion.shape == flight.rotor_speeds.shape == (steps + 1, 4)
    np.testing.assert_allclose(flight.reference, QUICK.at(flight.time)[0])
    figures = flight.figures()
    assert 0.01 < figures["rmse"] < 0.25
    assert figures["max_error"] < 0.4
    assert not figures["crashed"]
    assert figures["crash_time"] is None
    error = np.linalg.norm(flight.position - flight.reference, axis=1)
    assert figures["rmse"] == pytest.approx(math.sqrt((error**2).mean()))
    assert figures["final_error"] == pytest.approx(error[-1])


def test_ours_and_mujoco_fly_the_same():
    ours, theirs = flown("ours"), flown("mujoco")
    np.testing.assert_allclose(ours.position, theirs.position, atol=2e-5)
    np.testing.assert_allclose(ours.quaternion, theirs.quaternion, atol=2e-5)
    np.testing.assert_allclose(ours.rotor_speeds, theirs.rotor_speeds, atol=2e-4)
    assert np.abs(ours.position - theirs.position).max() > 0


def test_the_recorder_shows_what_the_evaluation_shows():
    own = OwnSimulator(Airframes.stack([AIRFRAME]))
    recording = RecordingSimulator(make_vehicle(AIRFRAME, "ours"))
    own.start_hover()
    recording.start_hover()
    rng = np.random.default_rng(0)
    for _ in range(30):
        np.testing.assert_allclose(recording.observe(), own.observe(), atol=1e-6)
        actions = rng.uniform(-1, 1, (1, 4)).astype(np.float32)
        own.step(actions)
        recording.step(actions)
    assert len(recording.states) == len(recording.actions) == 30


def test_throwns_have_their_bounds_and_seeds():
    recording = RecordingSimulator(make_vehicle(AIRFRAME, "ours"))
    seen, starts = [], 40
    for seed in range(starts):
        recording.start_recovery(seed, None)
        recording.observe()
        seen.append(recording.states[0])
    again = RecordingSimulator(make_vehicle(AIRFRAME, "mujoco"))
    again.start_recovery(starts - 1, None)
    again.observe()
    np.testing.assert_allclose(again.states[0].as_array(), seen[-1].as_array(), atol=1e-6)
    position = np.array([state.position for state in seen])
    assert 0.3 < np.abs(position).max() <= 0.5
    angle = [2 * math.acos(min(abs(state.quaternion[0]), 1.0)) for state in seen]
    assert 0.6 < max(angle) < 1.001
    rotors = np.array([state.rotor_speeds for state in seen])
    assert rotors.min() >= 0
    assert 0.4 < rotors.max() <= 0.5
    assert 0 < sum(not state.position.any() for state in seen) < starts / 3
    for seed in range(starts):
        recording.start_thrown(seed)
        recording.observe()
        assert recording.states[0].position.all()


def test_a_thrown_is_recovered_from():
    flight = flown(trajectory=Hover(), thrown=True, seed=3, duration=4.0)
    assert flight.error[0] > 0.1
    assert flight.error[-1] < 0.05


def test_noise_and_delay_make_it_worse_and_seeds_repeat_it():
    calm = flown().figures()["rmse"]
    noisy = [flown(noise=True, seed=seed).position for seed in (0, 0, 1)]
    assert np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])
    late = flown(trajectory=Hover(), thrown=True, seed=3, duration=4.0, delay=6).error
    prompt = flown(trajectory=Hover(), thrown=True, seed=3, duration=4.0).error
    assert late[-1] > 2 * prompt[: len(late)].max()
    assert np.abs(noisy[0] - flown().position).max() > 1e-3
    assert calm < 0.25


@pytest.mark.parametrize("simulator", ["ours", "mujoco"])
def test_a_crash_ends_the_flight(simulator):
    flight = flown(simulator, Fall(), Hover(), duration=5.0)
    fall = math.sqrt(2 * CRASH / GRAVITY)  # the rotors run down first
    assert fall < flight.crash_time < fall + 0.3
    assert flight.time[-1] == pytest.approx(flight.crash_time + 0.5)
    figures = flight.figures()
    assert figures["crashed"]
    assert figures["rmse"] is None
    assert figures["max_error"] > CRASH
    assert flight.error[flight.time < flight.crash_time].max() <= CRASH


def test_what_counts_is_protocol_p2():
    assert flown(duration=0.5).scored_from == 0.0
    assert figure_eight(5.5).duration == 22.5
    short = flown(trajectory=Lissajous(period=0.5, hold=0.1, ramp=0.1, laps=3, amplitude=(0.01, 0, 0)))
    assert short.scored_from == pytest.approx(0.7)  # the last two laps of three
    error = short.error[short.time > 0.7 - 1e-9]
    assert short.figures()["scored_rmse"] == pytest.approx(math.sqrt((error**2).mean()))


# --- its pictures ----------------------------------------------------------------------------------


def picture_of(path):
    from imageio import v2 as imageio

    return np.asarray(imageio.imread(path))[..., :3]


@pytest.mark.parametrize("crash", [False, True])
def test_the_figure_is_drawn(tmp_path, crash):
    flight = flown(pilot=Fall(), trajectory=Hover()) if crash else flown()
    draw_flight(tmp_path / "flight.png", flight, "x500")
    picture = picture_of(tmp_path / "flight.png")
    assert picture.shape[1] > 1.5 * picture.shape[0] > 900
    assert (picture.min(axis=2) < 200).mean() > 0.01
    marked = (np.abs(picture.astype(int) - [0xC0, 0x39, 0x2B]) < 4).all(axis=2)
    assert marked.any() == crash


@pytest.mark.parametrize("backend", ["opengl", "plot"])
def test_the_film(tmp_path, monkeypatch, backend):
    if backend == "opengl" and opengl_loader() is None:
        pytest.skip("no OpenGL on this machine (neither EGL nor OSMesa)")
    opengl_loader.cache_clear()
    if backend == "plot":
        monkeypatch.setenv("MUJOCO_GL", "off")
    flight = flown(duration=0.3)
    film = FlightFilm(flight, "x500, test")
    assert (film.notice is None) == (backend == "opengl")
    pictures = list(film)
    assert len(pictures) == len(film) == 8  # 0, 0.04, ... 0.28 s
    assert {picture.shape for picture in pictures} == {(HEIGHT, WIDTH, 3)}
    caption = pictures[0][-30:].mean()
    assert caption < pictures[0][:-30].mean() - 50
    inset = pictures[0][flight_film._MARGIN - 1, WIDTH - 200]
    assert inset.tolist() == [255, 255, 255]
    film.write(tmp_path / "film.mp4", iter(pictures))
    film.close()
    opengl_loader.cache_clear()

    from imageio import v2 as imageio

    reader = imageio.get_reader(tmp_path / "film.mp4")
    assert reader.get_meta_data()["fps"] == FRAMES_PER_SECOND
    assert reader.count_frames() == 8
    first = reader.get_data(0).astype(float)
    assert np.abs(first - pictures[0]).mean() < 12
    reader.close()


# --- the command -----------------------------------------------------------------------------------


@pytest.fixture
def policy_file(tmp_path):
    """A policy that commands hover speed, whatever it sees."""

    def zeros(*shape):
        return np.zeros(shape, np.float32)

    policy = RecurrentPolicy(
        encoder_weight=zeros(4, 22),
        encoder_bias=zeros(4),
        weight_input=zeros(12, 4),
        weight_hidden=zeros(12, 4),
        bias_input=zeros(12),
        bias_hidden=zeros(12),
        initial_hidden=zeros(4),
        decoder_weight=zeros(4, 4),
        decoder_bias=np.full(4, 2 * AIRFRAME.hover_throttle - 1, np.float32),
        metadata=describe(command="", revision="test"),
    )
    save_recurrent_policy(tmp_path / "policy.safetensors", policy)
    return str(tmp_path / "policy.safetensors")


def test_help_names_every_trajectory(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        cli.main(["raptor", "fly", "--help"])
    told = capsys.readouterr().out
    assert all(name in told for name in TRAJECTORIES)


@pytest.mark.parametrize("simulator", ["ours", "mujoco"])
def test_fly_writes_what_it_says(tmp_path, capsys, monkeypatch, policy_file, simulator):
    monkeypatch.chdir(tmp_path)
    save_airframe(tmp_path / "my own.json", AIRFRAME)
    words = ["raptor", "fly", "--airframe", "my own.json", "--trajectory", "hover", "--duration", "0.4"]
    words += ["--policy", policy_file, "--simulator", simulator, "--quiet"]
    assert cli.main(words) == 0
    output = capsys.readouterr().out
    assert output.startswith("0.40 s: root mean square error 0.0000 m, largest 0.0000 m")
    folder = tmp_path / "flights" / "x500-hover"
    assert sorted(path.name for path in folder.iterdir()) == ["flight.json", "flight.mp4", "flight.png"]
    for name in ("flight.json", "flight.mp4", "flight.png"):
        assert f"flights/x500-hover/{name}" in output
    report = json.loads((folder / "flight.json").read_text())
    assert report["simulator"] == simulator
    assert report["rmse"] < 1e-4
    assert report["crashed"] is False


def test_fly_without_video_into_a_folder_of_choice(tmp_path, capsys, policy_file):
    words = ["raptor", "fly", "--airframe", "x500", "--policy", policy_file, "--no-video"]
    words += ["--out", str(tmp_path / "here"), "--noise", "--delay", "2", "--seed", "7"]
    words += ["--start", "thrown", "--duration", "9"]
    assert cli.main(words) == 0
    assert "Crashed after" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["flight.json", "flight.png"]
    report = json.loads((tmp_path / "here" / "flight.json").read_text())
    assert (report["noise"], report["delay"], report["seed"], report["start"]) == (True, 2, 7, "thrown")
    assert report["crash_time"] > 0.3
    assert report["rmse"] is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--airframe", "zeppelin"], "airframe 'zeppelin' is unknown; there are: crazyflie,"),
        (["--airframe", "none.json"], "there is no airframe file none.json"),
        (["--trajectory", "loop"], "trajectory 'loop' is unknown; there are: hover, figure-eight,"),
        (["--duration", "0"], "--duration = 0.0 is not a finite number from 0.1 to 600"),
        (["--delay", "21"], "--delay = 21 is not a whole number from 0 to 20"),
        (["--policy", "none.safetensors"], "there is no file none.safetensors"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["raptor", "fly", *words]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"eyas: {sentence}")
    assert told.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_the_folder(tmp_path, capsys, policy_file):
    for out in (policy_file, f"{policy_file}/flights"):
        words = ["raptor", "fly", "--policy", policy_file, "--duration", "0.1", "--out", out]
        assert cli.main(words) == 2
        assert capsys.readouterr().err == f"eyas: out = {out} is in the way of a folder\n"
