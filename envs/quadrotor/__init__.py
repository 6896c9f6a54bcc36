"""Quadrotors: airframes and their distributions, dynamics, the world, trajectories, the MuJoCo twin."""
