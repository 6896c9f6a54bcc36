"""Pictures of a walker on its track, in the manner of Gymnasium's BipedalWalker.

Drawn on pygame surfaces in memory, twice as large as asked for and then scaled down for smooth
edges. No window, display or environment variable is needed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .bodies import Body, Point
from .ground import FINISH_X, TERRAIN_HEIGHT, TERRAIN_LENGTH, TERRAIN_STEP, Ground

Colour = tuple[int, int, int]

SKY: Colour = (215, 215, 255)
CLOUD: Colour = (255, 255, 255)
EARTH: Colour = (102, 153, 76)
GRASS: tuple[Colour, Colour] = ((76, 255, 76), (76, 204, 76))
OBSTACLE: tuple[Colour, Colour] = ((255, 255, 255), (153, 153, 153))
HULL: tuple[Colour, Colour] = ((127, 51, 229), (76, 76, 127))
FAR_LIMB: tuple[Colour, Colour] = ((178, 101, 152), (127, 76, 101))
NEAR_LIMB: tuple[Colour, Colour] = ((128, 51, 102), (77, 26, 51))
"""Fill and outline."""
LIDAR: Colour = (255, 0, 0)
POLE: Colour = (0, 0, 0)
START_FLAG: Colour = (230, 51, 0)
FINISH_FLAG: Colour = (40, 40, 40)

VIEW_HEIGHT = 400.0 / 30.0
"""Height of the picture in the world (m)."""
HULL_FROM_LEFT = 0.2
"""Where the hull stands in the picture, as a share of its width."""
HULL_LOW, HULL_HIGH = 3.0, 8.5
"""Heights between which the hull moves before the picture does (m)."""
_SUPERSAMPLING = 2
_MIN_SIZE, _MAX_SIZE = 16, 4096


@functools.cache
def _pygame() -> ModuleType:
    # It greets on standard output when it is imported.
    with contextlib.redirect_stdout(io.StringIO()):
        import pygame
    return pygame


class _Canvas:
    """A surface with the world's metres on it, y up."""

    def __init__(self, width: int, height: int, scale: float, left: float, bottom: float) -> None:
        for name, value in (("width", width), ("height", height)):
            if not _MIN_SIZE <= value <= _MAX_SIZE:
                raise InputError(
                    f"picture {name} = {value} is outside [{_MIN_SIZE}, {_MAX_SIZE}] pixels"
                )
        self._pygame = _pygame()
        self._size = (width, height)
        self.surface = self._pygame.Surface((width * _SUPERSAMPLING, height * _SUPERSAMPLING), depth=32)
        self.surface.fill(SKY)
        self.scale = scale * _SUPERSAMPLING
        self.left, self.bottom = left, bottom
        self.right, self.top = left + width / scale, bottom + height / scale

    def pixels(self, points: ArrayLike) -> list[tuple[float, float]]:
        """World points, shape (n, 2), on the surface."""
        x, y = np.asarray(points, dtype=np.float64).T
        across = (x - self.left) * self.scale
        down = (self.top - y) * self.scale
        return list(zip(across.tolist(), down.tolist(), strict=True))

    def polygon(self, points: ArrayLike, fill: Colour, outline: Colour | None = None) -> None:
        path = self.pixels(points)
        self._pygame.draw.polygon(self.surface, fill, path)
        if outline is not None:
            self._pygame.draw.polygon(self.surface, outline, path, width=_SUPERSAMPLING)

    def line(self, points: ArrayLike, colour: Colour, width: int = 1) -> None:
        """A line of this width in pixels of the picture."""
        self._pygame.draw.lines(
            self.surface, colour, False, self.pixels(points), width=width * _SUPERSAMPLING
        )

    def picture(self) -> NDArray[np.uint8]:
        """The picture, shape (height, width, 3)."""
        small = self._pygame.transform.smoothscale(self.surface, self._size)
        pixels = np.frombuffer(self._pygame.image.tobytes(small, "RGB"), np.uint8)
        return pixels.reshape(self._size[1], self._size[0], 3).copy()


class WalkerRenderer:
    """Draws single moments of an episode, 20 m by 13.3 m at the usual size.

    Args:
        width: of the picture (pixels).
        height: of the picture (pixels); always 13.3 m of the world.

    Raises:
        InputError: a size below 16 or above 4096.
    """

    def __init__(self, width: int = 600, height: int = 400) -> None:
        _Canvas(width, height, 1.0, 0.0, 0.0)  # refuses sizes that cannot be drawn
        self.width = width
        self.height = height
        self._clouds = _make_clouds()

    def draw(
        self,
        ground: Ground,
        copy: int,
        body: Body,
        poses: ArrayLike,
        lidar: ArrayLike | None = None,
    ) -> NDArray[np.uint8]:
        """The picture around the walker's hull.

        Args:
            ground: tracks of all copies.
            copy: whose track is drawn.
            body: the walker.
            poses: shape ``(parts, 3)``: x (m), y (m), angle (rad) of every part's frame origin.
            lidar: ends of the rays from the hull's frame origin, shape ``(rays, 2)`` (m).

        Returns:
            uint8, shape ``(height, width, 3)``.

        Raises:
            InputError: ``poses`` has the wrong shape.
        """
        placed = np.asarray(poses, dtype=np.float64)
        if placed.shape != (len(body.parts), 3):
            raise InputError(f"poses have shape {placed.shape}, expected ({len(body.parts)}, 3)")
        x, y = placed[0, :2]
        scale = self.height / VIEW_HEIGHT
        left = x - HULL_FROM_LEFT * self.width / scale
        bottom = min(0.0, y - HULL_LOW) + max(0.0, y - HULL_HIGH)
        canvas = _Canvas(self.width, self.height, scale, left, bottom)
        for cloud in self._clouds:
            # Clouds are far away: they move half as fast.
            canvas.polygon(cloud + np.array([left, bottom]) / 2, CLOUD)
        _draw_earth(canvas, ground, copy)
        if lidar is not None:
            for end in np.asarray(lidar, dtype=np.float64):
                canvas.line([(x, y), end], LIDAR)
        _draw_obstacles(canvas, ground, copy)
        _draw_flag(canvas, 3 * TERRAIN_STEP, TERRAIN_HEIGHT, START_FLAG)
        _draw_flag(canvas, FINISH_X, _ground_height(ground, copy, FINISH_X), FINISH_FLAG)
        _draw_body(canvas, body, placed)
        return canvas.picture()


def draw_track(ground: Ground, copy: int, size: tuple[int, int] = (1200, 120)) -> NDArray[np.uint8]:
    """A strip with the whole track of one copy.

    Args:
        ground: tracks of all copies.
        copy: whose track is drawn.
        size: width and height (pixels); the width is the track's 93.3 m.

    Returns:
        uint8, shape ``(height, width, 3)``.

    Raises:
        InputError: a size below 16 or above 4096.
    """
    width, height = size
    scale = width / (TERRAIN_LENGTH * TERRAIN_STEP)
    view = height / scale
    edges = ground.edges[copy, : ground.edge_count[copy]]
    obstacles = ground.bounds[copy, : ground.polygon_count[copy]]
    low = float(min(edges[:, 1].min(), edges[:, 3].min()))
    high = float(max(edges[:, 3].max(), obstacles[:, 3].max(initial=0.0)))
    bottom = max(low - view / 4, high + view / 10 - view)
    canvas = _Canvas(width, height, scale, 0.0, bottom)
    _draw_earth(canvas, ground, copy)
    _draw_obstacles(canvas, ground, copy)
    _draw_flag(canvas, 3 * TERRAIN_STEP, TERRAIN_HEIGHT, START_FLAG)
    _draw_flag(canvas, FINISH_X, _ground_height(ground, copy, FINISH_X), FINISH_FLAG)
    return canvas.picture()


def _make_clouds() -> list[NDArray[np.float64]]:
    """Always the same clouds, shaped as Gymnasium's (m)."""
    rng = np.random.default_rng(0)
    turns = 2 * math.pi * np.arange(5) / 5
    ring = np.stack([15 * np.sin(turns), 5 * np.cos(turns)], axis=1) * TERRAIN_STEP
    clouds = []
    for x in rng.uniform(0, TERRAIN_LENGTH * TERRAIN_STEP, TERRAIN_LENGTH // 20):
        ragged = rng.uniform(0, 5 * TERRAIN_STEP, (5, 2))
        clouds.append(ring + ragged + (x, VIEW_HEIGHT * 3 / 4))
    return clouds


def _ground_height(ground: Ground, copy: int, x: float) -> float:
    edges = ground.edges[copy, : ground.edge_count[copy]]
    return float(
        np.interp(x, np.append(edges[:, 0], edges[-1, 2]), np.append(edges[:, 1], edges[-1, 3]))
    )


def _draw_earth(canvas: _Canvas, ground: Ground, copy: int) -> None:
    edges = ground.edges[copy, : ground.edge_count[copy]]
    seen = np.flatnonzero((edges[:, 2] > canvas.left) & (edges[:, 0] < canvas.right))
    for k in seen:
        x1, y1, x2, y2 = edges[k].tolist()
        canvas.polygon([(x1, y1), (x2, y2), (x2, canvas.bottom), (x1, canvas.bottom)], EARTH)
    for k in seen:
        canvas.line(edges[k].reshape(2, 2), GRASS[k % 2])


def _draw_obstacles(canvas: _Canvas, ground: Ground, copy: int) -> None:
    bounds = ground.bounds[copy, : ground.polygon_count[copy]]
    for k in np.flatnonzero((bounds[:, 2] > canvas.left) & (bounds[:, 0] < canvas.right)):
        canvas.polygon(ground.vertices[copy, k, : ground.vertex_count[copy, k]], *OBSTACLE)


def _draw_flag(canvas: _Canvas, x: float, y: float, colour: Colour) -> None:
    if not canvas.left - 2 < x < canvas.right + 2:
        return
    top = y + 50 / 30
    canvas.line([(x, y), (x, top)], POLE)
    canvas.polygon([(x, top), (x, top - 10 / 30), (x + 25 / 30, top - 5 / 30)], colour, POLE)


@functools.lru_cache(maxsize=16)
def _colours(body: Body) -> tuple[tuple[Colour, Colour], ...]:
    """Fill and outline per part: trunks like the hull; of two limbs on one joint, the first is far."""
    colours: list[tuple[Colour, Colour] | None] = [None] * len(body.parts)
    colours[0] = HULL
    links = [joint for joint in body.joints if not joint.motorised]
    for _ in links:  # parts linked to a trunk without a motor are trunks
        for joint in links:
            if HULL in (colours[joint.parent], colours[joint.child]):
                colours[joint.parent] = colours[joint.child] = HULL
    taken: set[tuple[int, Point]] = set()
    for joint in body.joints:
        if not joint.motorised:
            continue
        if colours[joint.parent] == HULL:
            shoulder = (joint.parent, joint.parent_anchor)
            colours[joint.child] = NEAR_LIMB if shoulder in taken else FAR_LIMB
            taken.add(shoulder)
        else:
            colours[joint.child] = colours[joint.parent]
    return tuple(NEAR_LIMB if colour is None else colour for colour in colours)


def _draw_body(canvas: _Canvas, body: Body, poses: NDArray[np.float64]) -> None:
    colours = _colours(body)
    depth = {FAR_LIMB: 0, HULL: 1, NEAR_LIMB: 2}
    for k in sorted(range(len(body.parts)), key=lambda k: depth[colours[k]]):
        x, y, angle = poses[k]
        cosine, sine = math.cos(angle), math.sin(angle)
        points = np.array(body.parts[k].vertices) @ [[cosine, sine], [-sine, cosine]] + (x, y)
        canvas.polygon(points, *colours[k])
