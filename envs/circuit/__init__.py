"""Analog circuits: netlists, a level-1 MOSFET simulator that agrees with SPICE, topologies and specs."""
