"""Dark rooms: small grids whose goal cannot be seen; the worlds of in-context reinforcement learning."""
