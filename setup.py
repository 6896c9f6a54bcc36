from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
NOT_SHIPPED = ["tests*", "examples*", "docs*", "build*", "dist*"]

# Computed, because an explicit list silently leaves a new folder out of the wheel.
setup(packages=["eyas", *(f"eyas.{name}" for name in find_packages(str(ROOT), exclude=NOT_SHIPPED))])
