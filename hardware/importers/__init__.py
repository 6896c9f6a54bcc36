"""Importers: everything that turns a trained policy into a ``hardware.network.Network``.

``files`` and ``policies`` need numpy alone; ``torch_modules``, ``stable_baselines3`` and ``rllib`` import
the library that their name tells.
"""
