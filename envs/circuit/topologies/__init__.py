"""Topologies, one file each: a netlist, its variables and its bench."""
