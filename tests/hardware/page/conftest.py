"""The page's scripts in node, and policies as WebAssembly."""

import base64
import json
import shutil
import subprocess

import pytest

from eyas.hardware.code.generate import generate
from eyas.hardware.page import build


def need(*tools):
    """Skip where a tool is missing."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")


@pytest.fixture(scope="session")
def node():
    """``node(program, wasm, **values)``: what the body of an async function returns.

    The program sees the simulator, the flight, ``WASM`` and the values.
    """
    need("node")

    def run(program, wasm=b"", **values):
        parts = [f"const DATA = {json.dumps(build.page_data())};"]
        parts += [build.script(name) for name in build.SCRIPTS[:2]]
        parts += [f"const {name} = {json.dumps(value)};" for name, value in values.items()]
        parts.append(f'const WASM = Buffer.from("{base64.b64encode(wasm).decode()}", "base64");')
        parts.append(f"(async () => {{ {program} }})().then(x => console.log(JSON.stringify(x)));")
        done = subprocess.run(
            ["node", "-"],
            input="\n".join(parts),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def wasm_tools():
    """Skips where no WebAssembly can be built."""
    need("clang", "wasm-ld")


@pytest.fixture(scope="session")
def shipped(shipped_network):
    """The shipped policy as C, float32."""
    return generate(shipped_network, "foundation")


@pytest.fixture(scope="session")
def shipped_wasm(wasm_tools, shipped):
    """The same as WebAssembly."""
    return build.build_wasm(shipped)
