"""The parameterized walker: terrain, bodies, planar rigid-body physics, the environment."""
