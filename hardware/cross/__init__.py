"""The exported C on emulated microcontrollers: does it give the same bits, what does it cost, does it fly."""
