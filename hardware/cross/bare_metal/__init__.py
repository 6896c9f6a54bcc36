"""C sources of the programs that run on the emulated microcontrollers; ``cross/build.py`` compiles them."""
