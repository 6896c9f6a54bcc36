"""The video of a flight: the vehicle close up, the whole path in a corner, the figures below."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.quadrotor.airframe import Airframes
from ...envs.quadrotor.evaluation.flight import PER_SECOND
from ...envs.quadrotor.render import QuadrotorRenderer
from ...envs.quadrotor.view import chase, overview
from .recorded_flight import RecordedFlight

Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 848, 480
FRAMES_PER_SECOND = 25
_EVERY = PER_SECOND // FRAMES_PER_SECOND
_INSET = (272, 160)
_MARGIN, _BORDER = 12, 2
_TRAIL_SECONDS = 5
_PATH_SECONDS = 2, 3
"""Of the reference behind and ahead that the close picture shows."""
_TEXT, _SHADE = (255, 255, 255), (20, 24, 30)


class FlightFilm:
    """The pictures of a flight, one every 40 ms.

    Args:
        flight: what to film.
        caption: who flies what.

    Attributes:
        notice: one sentence where the pictures are only plots, else None.
    """

    def __init__(self, flight: RecordedFlight, caption: str) -> None:
        self._flight = flight
        self._caption = caption
        self._size = float(Airframes.stack([flight.airframe]).rotor_distance[0])
        everywhere = np.concatenate([flight.position, flight.reference])
        ground = float(everywhere[:, 2].min()) - max(5 * self._size, 0.3)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self._large = QuadrotorRenderer(WIDTH, HEIGHT, ground=ground)
        self.notice = str(told[0].message) if told else None
        self._small = QuadrotorRenderer(*_INSET, ground=ground, backend=self._large.backend)
        self._overview = overview(everywhere, _INSET[0] / _INSET[1], self._size)

    def __len__(self) -> int:
        return -(-len(self._flight.time) // _EVERY)

    def __iter__(self) -> Iterator[Picture]:
        flight = self._flight
        path = flight.reference[::_EVERY]
        before, after = (seconds * FRAMES_PER_SECOND for seconds in _PATH_SECONDS)
        for now in range(0, len(flight.time), _EVERY):
            first = max(now - _TRAIL_SECONDS * PER_SECOND, 0)
            trail = flight.position[first : now + 1 : _EVERY]
            frame = now // _EVERY
            ahead = path[max(frame - before, 0) : frame + after]
            given = (flight.airframe, flight.position[now], flight.quaternion[now])
            more = (flight.rotor_speeds[now], flight.reference[now])
            near = chase(flight.position[now], self._size)
            picture = self._large.draw(*given, *more, trail, path=ahead, view=near)
            small = self._small.draw(*given, *more, trail, path=path[::2], view=self._overview)
            _inset(picture, small)
            yield _captioned(picture, self._caption, self._figures(now))

    def _figures(self, now: int) -> str:
        flight = self._flight
        words = f"{flight.time[now]:5.2f} s   error {100 * flight.error[now]:5.1f} cm"
        crashed = flight.crash_time is not None and flight.time[now] >= flight.crash_time
        return f"{words}   crashed" if crashed else words

    def write(self, path: Path, pictures: Iterator[Picture]) -> None:
        """Write pictures of this film as MP4 (H.264)."""
        from imageio import v2 as imageio

        writer: AbstractContextManager[Any] = imageio.get_writer(
            path,
            format="FFMPEG",
            fps=FRAMES_PER_SECOND,
            codec="libx264",
            quality=None,
            macro_block_size=2,
            output_params=["-crf", "23", "-preset", "veryfast", "-movflags", "+faststart"],
        )
        with writer as film:
            for picture in pictures:
                film.append_data(picture)

    def close(self) -> None:
        """Give back what the renderers hold."""
        self._large.close()
        self._small.close()


def _inset(picture: Picture, small: Picture) -> None:
    """Put the small picture into the upper right corner, with a border."""
    height, width = small.shape[:2]
    top, left = _MARGIN, picture.shape[1] - _MARGIN - width
    edge = _BORDER
    picture[top - edge : top + height + edge, left - edge : left + width + edge] = _TEXT
    picture[top : top + height, left : left + width] = small


def _captioned(picture: Picture, left: str, right: str) -> Picture:
    """Text on a dark strip along the lower edge."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = picture.shape[:2]
    strip = 30
    picture[-strip:] = (0.35 * picture[-strip:] + 0.65 * np.array(_SHADE)).astype(np.uint8)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(15)
    middle = height - strip // 2
    draw.text((_MARGIN, middle), left, fill=_TEXT, font=font, anchor="lm")
    draw.text((width - _MARGIN, middle), right, fill=_TEXT, font=font, anchor="rm")
    return np.asarray(image)
