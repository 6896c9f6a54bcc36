"""Where EYAS_NO_SKIPS is set, a missing tool is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = {
    "test": "import pytest\ndef test_it():\n    pytest.skip('no tool')\n",
    "file": "import pytest\npytest.importorskip('no_such_package_anywhere')\ndef test_it():\n    pass\n",
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("forbidden", [False, True])
def test_a_skip_fails_where_none_is_allowed(tmp_path, case, forbidden):
    (tmp_path / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (tmp_path / "test_case.py").write_text(CASES[case])
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "EYAS_NO"))}
    if forbidden:
        environment["EYAS_NO_SKIPS"] = "1"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    if forbidden:
        assert done.returncode in (1, 2)
        assert "skipped where nothing may be" in done.stdout
    else:
        assert done.returncode in (0, 5)
        assert "skipped" in done.stdout
