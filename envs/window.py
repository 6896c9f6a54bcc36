"""A window on the screen that shows pictures (render mode ``human``)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Window:
    """Shows one picture after the other at the world's own pace.

    pygame is imported and the window opened with the first picture.
    """

    def __init__(self, title: str, frames_per_second: int) -> None:
        self._title = title
        self._frames_per_second = frames_per_second
        self._pygame: Any = None
        self._screen: Any = None
        self._clock: Any = None

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Show a picture, shape ``(height, width, 3)``, and wait out the rest of the frame."""
        size = (picture.shape[1], picture.shape[0])
        if self._screen is None:
            import pygame

            self._pygame = pygame
            pygame.display.init()
            pygame.display.set_caption(self._title)
            self._screen = pygame.display.set_mode(size)
            self._clock = pygame.time.Clock()
        surface = self._pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        self._screen.blit(surface, (0, 0))
        self._pygame.event.pump()
        self._pygame.display.flip()
        self._clock.tick(self._frames_per_second)

    def close(self) -> None:
        """Close the window, if it is open."""
        if self._screen is not None:
            self._pygame.display.quit()
            self._screen = None
