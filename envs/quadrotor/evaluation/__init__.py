"""Flights that judge a policy: the protocols P0 to P3 and the simulator they are flown in."""
