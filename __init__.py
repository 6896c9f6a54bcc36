"""Eyas: train controllers that adapt, and put them into a flight controller."""

from .errors import InputError

__version__ = "0.1.0"

__all__ = ["InputError", "__version__"]
