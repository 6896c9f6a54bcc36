"""Pictures of a quadrotor: with OpenGL where there is one, with matplotlib where there is none."""

from __future__ import annotations

import warnings
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from .airframe import Airframe, Airframes
from .view import View, chase

NO_OPENGL = (
    "no OpenGL to draw off screen with, so pictures are simple plots; on Debian and Ubuntu"
    " 'apt-get install libegl1 libgl1-mesa-dri' (or libosmesa6) brings it"
)
"""What is said once where the pictures are only plots."""
_MIN_SIZE, _MAX_WIDTH, _MAX_HEIGHT = 16, 1920, 1088


class _Backend(Protocol):
    """Draws one airframe; both backends are one."""

    def draw(
        self,
        position: NDArray[np.float64],
        quaternion: NDArray[np.float64],
        rotor_speeds: NDArray[np.float64],
        reference: NDArray[np.float64] | None,
        trail: NDArray[np.float64],
        path: NDArray[np.float64],
        view: View,
    ) -> NDArray[np.uint8]: ...

    def close(self) -> None: ...


class QuadrotorRenderer:
    """Draws quadrotors in flight.

    The ground is something to see the motion against: nothing ever touches it.

    Args:
        width: of the pictures (pixels).
        height: the same.
        ground: height of the ground (m); None puts it 20 rotor distances below the origin, where
            RAPTOR's episodes end.
        backend: ``"opengl"``, ``"plot"``, or ``"auto"``, which takes OpenGL where there is one
            and otherwise warns once with :data:`NO_OPENGL`.

    Raises:
        InputError: a size is out of range, or OpenGL was asked for and there is none.
    """

    def __init__(
        self,
        width: int = 640,
        height: int = 480,
        *,
        ground: float | None = None,
        backend: Literal["auto", "opengl", "plot"] = "auto",
    ) -> None:
        for name, value, largest in (("width", width, _MAX_WIDTH), ("height", height, _MAX_HEIGHT)):
            if not _MIN_SIZE <= value <= largest:
                raise InputError(f"picture {name} = {value} is outside [{_MIN_SIZE}, {largest}] pixels")
        self.width, self.height, self.ground = width, height, ground
        self.backend = backend if backend != "auto" else self._choose()
        self._airframe: Airframe | None = None
        self._drawer: _Backend | None = None

    @staticmethod
    def _choose() -> Literal["opengl", "plot"]:
        from .gl_renderer import opengl_loader

        if opengl_loader() is not None:
            return "opengl"
        warnings.warn(NO_OPENGL, RuntimeWarning, stacklevel=3)
        return "plot"

    def draw(
        self,
        airframe: Airframe,
        position: ArrayLike,
        quaternion: ArrayLike,
        rotor_speeds: ArrayLike,
        reference: ArrayLike | None = None,
        trail: ArrayLike | None = None,
        *,
        path: ArrayLike | None = None,
        view: View | None = None,
    ) -> NDArray[np.uint8]:
        """One picture.

        Args:
            airframe: who flies; changing it costs a moment.
            position: world (m), shape ``(3,)``.
            quaternion: (w, x, y, z), body to world, shape ``(4,)``.
            rotor_speeds: fractions of the range, 0 to 1, shape ``(4,)``; faster rotors are denser.
            reference: where it should be, world (m), shape ``(3,)``; None draws none.
            trail: where it was, oldest first, world (m), shape ``(count, 3)``.
            path: where the reference goes, world (m), shape ``(count, 3)``.
            view: the camera; None follows the vehicle.

        Returns:
            shape ``(height, width, 3)``.

        Raises:
            InputError: an array has another shape or is not finite.
        """
        drawer = self._drawer_of(airframe)
        where = _numbers("position", position, (3,))
        return drawer.draw(
            where,
            _numbers("quaternion", quaternion, (4,)),
            _numbers("rotor_speeds", rotor_speeds, (4,)),
            None if reference is None else _numbers("reference", reference, (3,)),
            _points("trail", trail),
            _points("path", path),
            view or chase(where, _size(airframe)),
        )

    def _drawer_of(self, airframe: Airframe) -> _Backend:
        if self._drawer is not None and self._airframe == airframe:
            return self._drawer
        self.close()
        ground = -20 * _size(airframe) if self.ground is None else self.ground
        if self.backend == "plot":
            from .plot_renderer import PlotRenderer

            self._drawer = PlotRenderer(airframe, self.width, self.height, ground)
        else:
            from .gl_renderer import GlRenderer, opengl_loader

            if opengl_loader() is None:
                raise InputError(f"backend = 'opengl': {NO_OPENGL}")
            self._drawer = GlRenderer(airframe, self.width, self.height, ground)
        self._airframe = airframe
        return self._drawer

    def close(self) -> None:
        """Give back what OpenGL holds; the next picture takes it again."""
        if self._drawer is not None:
            self._drawer.close()
            self._drawer = None


def _size(airframe: Airframe) -> float:
    return float(Airframes.stack([airframe]).rotor_distance[0])


def _numbers(name: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    given = np.asarray(values, dtype=np.float64)
    if given.shape != shape or not np.isfinite(given).all():
        raise InputError(f"{name} = {given.tolist()} must be finite and of shape {shape}")
    return given


def _points(name: str, values: ArrayLike | None) -> NDArray[np.float64]:
    given = np.empty((0, 3)) if values is None else np.asarray(values, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != 3 or not np.isfinite(given).all():
        raise InputError(f"{name} must be finite and of shape (count, 3), it has {given.shape}")
    return given
