"""Sizing of analog circuits: agents, the optimisers they are compared with, and the jobs around them."""
