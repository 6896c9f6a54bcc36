"""The browser page: the generated C as WebAssembly flies a quadrotor in a 3-D view."""
