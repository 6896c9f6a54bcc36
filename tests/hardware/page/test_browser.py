"""The page in a headless Chromium, driven through the pipe of its DevTools protocol."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from eyas.envs.quadrotor.named import NAMED
from eyas.hardware.page import build

CHROMIUM = shutil.which("chromium")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--remote-debugging-pipe",
    "--window-size=1360,860",
)


class Browser:
    """One tab; ``events`` keeps what the browser told, as (method, parameters)."""

    def __init__(self, timeout=60.0):
        self._deadline = time.monotonic() + timeout
        self._folder = tempfile.TemporaryDirectory(prefix="eyas-chromium-", ignore_cleanup_errors=True)
        here_read, there_write = _pipe()
        there_read, here_write = _pipe()
        self._read, self._write = here_read, here_write
        # The browser reads commands from descriptor 3 and writes to 4; all others close by themselves.
        actions = [
            (os.POSIX_SPAWN_DUP2, there_read, 3),
            (os.POSIX_SPAWN_DUP2, there_write, 4),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        command = [CHROMIUM, *_FLAGS, f"--user-data-dir={self._folder.name}", "about:blank"]
        self._process = os.posix_spawn(CHROMIUM, command, os.environ, file_actions=actions, setsid=True)
        os.close(there_read)
        os.close(there_write)
        self._buffer, self._number, self._session = b"", 0, None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._read)
        os.close(self._write)
        self._folder.cleanup()

    def call(self, method, **parameters):
        """Ask the browser and wait for what it returns."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append((answer["method"], answer["params"]))

    def open(self, address):
        """Load a page to the end."""
        self.call("Page.navigate", url=address)
        while not any(method == "Page.loadEventFired" for method, _ in self.events):
            answer = self._receive()
            self.events.append((answer["method"], answer["params"]))

    def run(self, code):
        """The value, as JSON, of JavaScript that may be a promise."""
        done = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(str(done["exceptionDetails"]))
        return done["result"].get("value")

    def complaints(self):
        """Errors, warnings and uncaught exceptions so far."""
        found = []
        for method, told in self.events:
            if method == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"]))
            if method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                found.append(str(told["args"]))
            if method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(told["entry"]["text"])
        return found

    def requests(self):
        """Addresses that were asked for."""
        return [
            told["request"]["url"]
            for method, told in self.events
            if method == "Network.requestWillBeSent"
        ]

    def _receive(self):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, self._deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            chunk = os.read(self._read, 1 << 16)
            if not chunk:
                raise RuntimeError("the browser ended")
            self._buffer += chunk
        text, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(text)


def _pipe():
    """A pipe whose descriptors are above those that the browser uses."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high


@pytest.fixture(scope="module")
def page_file(wasm_tools, shipped, tmp_path_factory):
    """The page of the shipped policy, as a user opens it."""
    if CHROMIUM is None:
        pytest.skip("chromium not installed")
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(build.page_files(shipped)["index.html"], encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def flown(page_file):
    """What the fixed flight saw, and the browser's complaints and requests."""
    check = Path(__file__).with_name("check.js").read_text(encoding="utf-8")
    with Browser() as browser:
        browser.open(page_file.as_uri())
        seen = browser.run(check + "\nstarted.then(check)")
        return seen, browser.complaints(), browser.requests()


def test_nothing_complains_and_nothing_is_asked_of_a_network(flown, page_file):
    seen, complaints, requests = flown
    assert complaints == []
    assert requests == [page_file.as_uri()]
    assert seen["resources"] == []
    assert seen["message"] == ""
    assert seen["selftest"] == 0


def test_every_airframe_hovers_and_comes_back_after_a_poke(flown):
    flights = flown[0]["airframes"]
    assert [flight["hover"]["airframe"] for flight in flights] == list(NAMED)
    for flight in flights:
        name = flight["hover"]["airframe"]
        assert flight["hover"]["error"] < 0.02, name
        assert flight["poke"]["largest"] > 0.1, name
        assert flight["poke"]["error"] < 0.02, name


def test_mass_and_thrust_sliders_change_the_vehicle_in_flight(flown):
    seen, x500 = flown[0], NAMED["x500"]
    before, heavy, strong = seen["before"], seen["mass"], seen["thrust"]
    assert seen["massText"] == "2.80 kg"
    assert heavy["kilograms"] == pytest.approx(1.4 * x500.mass)
    assert heavy["ratio"] == pytest.approx(x500.thrust_to_weight / 1.4)
    assert seen["thrustText"] == "4.00"
    assert strong["kilograms"] == heavy["kilograms"]
    assert strong["ratio"] == pytest.approx(4)
    # Its rotors' thrust is quadratic: the mean command at hover follows from the ratio.
    for flight, ratio in ((before, x500.thrust_to_weight), (heavy, heavy["ratio"]), (strong, 4)):
        assert flight["command"] == pytest.approx(2 * ratio**-0.5 - 1, abs=0.01)
        assert flight["error"] < 0.02


def test_wind_leans_the_vehicle_and_calm_rights_it(flown):
    seen = flown[0]
    assert seen["windText"] == "force of 20 % of the weight"
    assert seen["wind"]["tilt"] == pytest.approx(np.arctan(0.2), abs=0.02)
    assert 0.01 < seen["wind"]["error"] < 0.1
    assert seen["calm"]["tilt"] < 0.02
    assert seen["calm"]["error"] < 0.02


def test_a_broken_gyro_raises_a_flag_and_no_more(flown):
    blind = flown[0]["blind"]
    assert blind["counts"] == [10, 0, 0]
    assert blind["error"] < 0.02


def test_keys_mouse_and_figure_eight_move_the_target(flown):
    seen = flown[0]
    moved = np.abs(seen["moved"])
    np.testing.assert_allclose(sorted(moved), [0.25, 0.25, 0.25])
    assert seen["keys"]["largest"] > 0.3
    assert seen["keys"]["error"] < 0.02
    assert seen["eightText"] == "true"
    assert 0.01 < seen["eight"]["largest"] < 0.3
    assert seen["reset"]["error"] < 0.02
    assert seen["orbited"] != 0
    assert seen["clicked"] < 0.5  # pixels
    assert seen["toTarget"]["error"] < 0.02


def test_the_scene_is_painted_and_flown_in_real_time(flown):
    seen = flown[0]
    assert seen["colours"] > 200
    assert seen["flown"] > 0.1
    assert seen["flown"] <= seen["waited"] + 0.2


def test_a_damaged_module_is_told_in_the_page(page_file, tmp_path):
    """And the browser's complaints are heard."""
    text = page_file.read_text(encoding="utf-8")
    damaged = tmp_path / "damaged.html"
    damaged.write_text(text.replace('const WASM = "AGFzbQ', 'const WASM = "AGFzbR'), encoding="utf-8")
    with Browser() as browser:
        browser.open(damaged.as_uri())
        told = browser.run(
            """new Promise(done => {
                 const look = () => document.getElementById("message").textContent;
                 const wait = () => look() ? done(look()) : setTimeout(wait, 20);
                 wait();
               })"""
        )
        blocked = browser.run("fetch('https://example.org').then(() => 'loaded', () => 'blocked')")
        complaints = browser.complaints()
    assert told.startswith("Something went wrong: CompileError")
    assert blocked == "blocked"
    assert any("Content Security Policy" in complaint for complaint in complaints)
