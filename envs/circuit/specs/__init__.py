"""Specs that come along, one YAML file each; see :mod:`eyas.envs.circuit.spec`."""
