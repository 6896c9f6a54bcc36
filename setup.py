from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
NOT_SHIPPED = ["tests*", "examples*", "docs*", "build*", "dist*", "runs*"]

setup(
    # Computed, because an explicit list silently leaves a new folder out of the wheel.
    packages=["eyas", *(f"eyas.{name}" for name in find_packages(str(ROOT), exclude=NOT_SHIPPED))],
    script_name="setup.py",  # or this file would be shipped as a module of the package
)
