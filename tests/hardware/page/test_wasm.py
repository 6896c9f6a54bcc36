"""The WebAssembly module: bits of the reference, closed loops, and what is refused."""

import base64
import re
from dataclasses import replace

import numpy as np
import pytest

from eyas.envs.quadrotor.airframe import Airframes
from eyas.envs.quadrotor.evaluation.flight import POSITION_CLIP, VELOCITY_CLIP, fly
from eyas.envs.quadrotor.evaluation.own_simulator import OwnSimulator
from eyas.envs.quadrotor.named import NAMED
from eyas.errors import InputError
from eyas.hardware.code.generate import generate
from eyas.hardware.page import build

PLAY = """
const policy = await Policy.load(WASM), words = new Uint32Array(policy.c.memory.buffer);
const place = policy.c.observation() / 4, out = policy.c.action() / 4;
const input = new Uint32Array(Uint8Array.from(Buffer.from(observations, "base64")).buffer);
const results = [];
for (let i = 0; i < input.length; i += 22) {
  words.set(input.subarray(i, i + 22), place);
  const peeked = policy.c.peek() >>> 0, looked = Array.from(words.subarray(out, out + 4));
  const status = policy.step(), action = Array.from(words.subarray(out, out + 4));
  results.push([status, ...action]);
  if (peeked !== status || looked.some((word, k) => word !== action[k])) throw Error("peek differs in " + i);
}
return { results, selftest: policy.c.selftest(), crc: policy.c.weights_crc() >>> 0 };
"""


def observations():
    """Random ones, some far beyond the limits, some not finite."""
    rng = np.random.default_rng(1)
    drawn = rng.normal(size=(1000, 22)).astype(np.float32)
    drawn[100:120] *= np.float32(1e3)
    drawn[500:] *= np.float32(0.3)
    drawn[200:220, 0] = drawn[600:620, 0] = np.float32("nan")
    drawn[300:310, 17] = -np.float32("inf")
    drawn[400:500] = rng.integers(0, 1 << 32, (100, 22), dtype=np.uint32).view(np.float32)
    return drawn


@pytest.mark.parametrize("number_format", ["float32", "q15", "int8"])
def test_the_module_has_the_bits_of_the_reference(node, wasm_tools, shipped_network, number_format):
    clean = np.random.default_rng(2).normal(size=(256, 22)).astype(np.float32)
    generated = generate(shipped_network, "policy", number_format, calibration=clean)
    given = observations()
    told = base64.b64encode(given.tobytes()).decode()
    got = node(PLAY, build.build_wasm(generated), observations=told)
    reference = generated.reference
    memory, expected = reference.initial_state(1), []
    for row in given:
        actions, memory, status = reference.evaluate(row[None], memory)
        expected.append([int(status[0]), *actions.astype(np.float32).view(np.uint32)[0].tolist()])
    assert got["results"] == expected
    assert {status for status, *_ in expected} >= {0, 1, 2, 3}
    assert got["selftest"] == 0
    assert f"{got['crc']:08x}" == generated.description["weights_crc32"]


def test_the_selftest_of_a_module_with_one_wrong_bit_fails(node, shipped, shipped_wasm):
    """The bit is that of a weight; the self-test in the page is no decoration."""
    bias = next(layer.bias for layer in shipped.network.layers if layer.kind == "linear")
    place = shipped_wasm.index(bias.tobytes())
    wrong = bytearray(shipped_wasm)
    wrong[place] ^= 1
    program = "const policy = await Policy.load(WASM); return policy.c.selftest();"
    assert node(program, shipped_wasm) == 0
    assert node(program, bytes(wrong)) == 1


def test_the_module_imports_nothing(node, shipped_wasm):
    program = """const module = new WebAssembly.Module(WASM);
    return [WebAssembly.Module.imports(module), WebAssembly.Module.exports(module).map(e => e.name)];"""
    imports, exports = node(program, shipped_wasm)
    assert imports == []
    assert {"memory", "observation", "action", "reset", "step", "peek"} <= set(exports)


def test_a_flight_in_the_page_is_the_evaluations(node, shipped, shipped_wasm):
    """Same vehicle, same policy, same start: the errors of 10 s agree."""
    names = ["crazyflie", "x500", "race"]
    simulator = OwnSimulator(Airframes.stack([NAMED[name] for name in names]))
    simulator.start_hover()
    target = (0.4, -0.3, 0.5)
    flown = fly(
        simulator, shipped.reference, 1000, reference=lambda time: (target, (0, 0, 0)), clip=True
    )
    program = """const policy = await Policy.load(WASM);
    return names.map(name => {
      const flight = new Flight(policy, DATA.airframes[name]);
      flight.target = [0, 0, 0];
      flight.reset();
      flight.target = target;
      return Array.from({ length: 1000 }, () => { flight.step(); return flight.error; });
    });"""
    got = node(program, shipped_wasm, names=names, target=target)
    np.testing.assert_allclose(np.array(got).T, flown.errors[1:], atol=2e-4)
    assert flown.errors[0].min() > 0.7
    assert flown.errors[-1].max() < 0.02
    assert POSITION_CLIP < 1
    assert VELOCITY_CLIP > 0


def test_every_named_airframe_hovers_and_survives_pokes_wind_and_a_broken_gyro(node, shipped_wasm):
    program = """const policy = await Policy.load(WASM);
    const fly = (flight, seconds) => {
      let largest = 0;
      for (let i = 0; i < 100 * seconds; i++) { flight.step(); largest = Math.max(largest, flight.error); }
      return [largest, flight.error];
    };
    return Object.values(DATA.airframes).map(airframe => {
      const flight = new Flight(policy, airframe), result = { hover: fly(flight, 4) };
      flight.poke();
      result.poke = fly(flight, 4);
      flight.wind = { fraction: 0.2, direction: 2 };
      result.wind = fly(flight, 4);
      flight.wind = { fraction: 0, direction: 0 };
      fly(flight, 3);
      flight.blindGyro();
      result.blind = fly(flight, 2);
      result.counts = flight.counts;
      return result;
    });"""
    for name, flown in zip(NAMED, node(program, shipped_wasm), strict=True):
        assert flown["hover"][0] < 0.1, name
        assert flown["hover"][1] < 0.02, name
        assert 0.1 < flown["poke"][0] < 1, name
        assert flown["poke"][1] < 0.02, name
        assert 0.01 < flown["wind"][1] < 0.1, name  # it leans into the wind, a little behind
        assert flown["blind"][1] < 0.02, name
        assert flown["counts"] == [10, 0, 0], name


def test_a_policy_that_flies_no_quadrotor_is_refused(random_network):
    generated = generate(random_network(0, 5, ("linear", 8), "relu", ("linear", 2)))
    with pytest.raises(
        InputError, match=r"maps 22 observations to 4 actions at 100 Hz; this one maps 5 to 2"
    ):
        build.page_files(generated)


@pytest.mark.parametrize(("tool", "package"), [("clang", "clang"), ("wasm-ld", "lld")])
def test_a_missing_tool_is_named_with_its_package(monkeypatch, shipped, tool, package):
    there = {"clang": "/usr/bin/clang", "wasm-ld": "/usr/bin/wasm-ld", tool: None}
    monkeypatch.setattr("shutil.which", there.get)
    with pytest.raises(
        InputError, match=rf"needs {tool}, which is not installed; .* package {package}$"
    ):
        build.build_wasm(shipped)


def test_c_that_does_not_compile_is_told_in_one_sentence(wasm_tools, shipped):
    broken = dict(shipped.files) | {
        "foundation.c": '#include "foundation.h"\nint broken(void) { return; }\n'
    }
    with pytest.raises(
        InputError, match=r"cannot build the WebAssembly module: foundation\.c:2.*error"
    ) as told:
        build.build_wasm(replace(shipped, files=broken))
    assert "\n" not in str(told.value)


def test_the_page_is_one_file_that_asks_for_nothing(wasm_tools, shipped):
    files = build.page_files(shipped)
    assert set(files) == {"index.html", "foundation.wasm"}
    page, wasm = files["index.html"], files["foundation.wasm"]
    assert wasm.startswith(b"\0asm")
    assert base64.b64encode(wasm).decode() in page
    assert "{{" not in page
    assert "default-src 'none'" in page
    outside = re.findall(
        r"https?://|//[a-z]+\.[a-z]+/|<link[^>]+stylesheet|\bsrc=|@import|fetch\(|XMLHttp", page
    )
    assert outside == []


def test_building_twice_gives_the_same_bytes(wasm_tools, shipped, shipped_wasm):
    assert build.build_wasm(shipped) == shipped_wasm
