"""`lipsync-image-multi`: one picture of two people, each with a voice of their own."""

from dataclasses import fields, replace

import cv2
import numpy as np

from jobs.engine.arrays import Array
from jobs.engine.audio import HOP, LEVELS, Speech
from jobs.engine.compose import Masked, Portrait
from jobs.engine.contract import ORDERS, RenderReport
from jobs.engine.errors import InputError
from jobs.engine.landmarks import Face
from jobs.engine.motion import Performance, perform
from jobs.engine.picture import Planes
from jobs.engine.territory import divided
from jobs.engine.visemes import FPS, MouthTrack, frame_count
from jobs.engine.voices import Voices
from jobs.engine.work import FEWEST_PIXELS, Work, is_under

SIDES = ("left", "right")  # as somebody who looks at the picture sees them


class PairRender(Work):
    def run(self) -> RenderReport:
        self.tell("read", 0.0)
        with self.timed("read"):
            speeches = self._speeches()
            picture, mask = self.pictures()
        self.tell("face", 0.02)
        with self.timed("face"):
            faces = self._faces(picture, mask)
            portraits = self._portraits(picture, faces[:2])
        with self.timed("phones"):
            tracks = self._tracks(speeches)
        self._draw(portraits, tracks, mask)
        return self.report(
            frames=len(tracks["left"]), fps=FPS, size=portraits[0].source.shape, faces=len(faces)
        )

    def _speeches(self) -> dict[str, Speech]:
        """What is said by each side that has a recording, in the order in which they begin."""
        speeches = {side: self.speech(f"{side}_audio") for side in self._sides()}
        seconds = self._seconds(speeches)
        if seconds > self.request.max_seconds + 1e-3:
            raise InputError(
                "too_long",
                f"One after the other the two recordings last {seconds:.1f} seconds; at most "
                f"{self.request.max_seconds:g} can be made. Cut them, or let both speak at once.",
            )
        return speeches

    def _sides(self) -> list[str]:
        order = self.request.order
        if order not in ORDERS:
            raise ValueError(f"unknown order {order!r}")
        sides = [side for side in SIDES if f"{side}_audio" in self.request.inputs]
        if not sides:
            raise ValueError("neither left_audio nor right_audio was given")
        return sides[::-1] if order == "right_left" else sides

    @property
    def _together(self) -> bool:
        return self.request.order == "meanwhile"

    def _seconds(self, speeches: dict[str, Speech]) -> float:
        return (max if self._together else sum)(speech.seconds for speech in speeches.values())

    def _faces(self, picture: Array, mask: Array | None) -> list[Face]:
        """Faces of the picture: first the left and the right of the two to move, then any others.

        The two largest move; where there are more, those under a mask come before the others.
        """
        found = self.landmarks.find(picture)
        faces = [face for face in found if face.eye_distance >= FEWEST_PIXELS]
        if len(faces) < 2:
            raise _too_few(len(faces), len(found))
        if mask is not None:
            faces.sort(key=lambda face: not is_under(face, mask))  # stable: size decides among equals
        return sorted(faces[:2], key=lambda face: face.box[0] + face.box[2] / 2) + faces[2:]

    def _portraits(self, picture: Array, faces: list[Face]) -> tuple[Portrait, Portrait]:
        left, right = (
            Portrait(picture, face, style=self.direction.style, territory=territory)
            for face, territory in zip(faces, divided(*faces), strict=True)
        )
        return left, right

    def _tracks(self, speeches: dict[str, Speech]) -> dict[str, MouthTrack]:
        """The mouth of each side over the whole output: at rest where the side does not speak."""
        count = frame_count(self._seconds(speeches), FPS)
        tracks = {side: MouthTrack.still(count) for side in SIDES}
        begin = 0.0
        for k, (side, speech) in enumerate(speeches.items()):
            first = int(begin * FPS + 1e-6)
            part = (k / len(speeches), (k + 1) / len(speeches))
            track = self.track(_later(speech, begin - first / FPS), FPS, part=part)
            tracks[side] = _placed(track, first, count)
            if not self._together:
                begin += speech.seconds
        return tracks

    def _draw(
        self, portraits: tuple[Portrait, Portrait], tracks: dict[str, MouthTrack], mask: Array | None
    ) -> None:
        left, right = (tracks[side] for side in SIDES)
        performances = (
            self._performance(portraits[0], left, right, side=0),
            self._performance(portraits[1], right, left, side=1),
        )
        pair = Pair(portraits, mask)
        frames = (pair.draw((left, right), performances, k) for k in range(len(left)))
        self.write(
            self.output(size=portraits[0].source.shape, fps=FPS, sound=self._sound()), frames, len(left)
        )

    def _performance(
        self, portrait: Portrait, own: MouthTrack, other: MouthTrack, *, side: int
    ) -> Performance:
        direction = self.direction if portrait.can_blink else replace(self.direction, blinks=0.0)
        return perform(
            own.loud,
            self.request.seed,
            head=direction.head,
            blinks=direction.blinks,
            other=other.loud,
            side=side,
        )

    def _sound(self) -> Voices:
        paths = [self.request.inputs[f"{side}_audio"] for side in self._sides()]
        return Voices(paths, together=self._together, max_seconds=self.request.max_seconds)


class Pair:
    """Draws frames of two heads in one picture. Build once a render; frames must be asked for in order."""

    def __init__(self, portraits: tuple[Portrait, Portrait], mask: Array | None) -> None:
        """mask : (height, width) uint8, 255 moves."""
        self._portraits = portraits
        left, right = portraits
        self._masked = None if mask is None else Masked(left.source, mask)
        self._box = right.box
        rights = right.owned()[right.box.slices]
        half = right.box.half
        self._rights = rights.astype(np.uint8)
        self._half_rights = cv2.resize(
            self._rights, (half.width, half.height), interpolation=cv2.INTER_NEAREST
        )

    def draw(
        self,
        tracks: tuple[MouthTrack, MouthTrack],
        performances: tuple[Performance, Performance],
        k: int,
    ) -> Planes:
        """Frame k. The planes returned are used again for the next frame."""
        drawn, right = (
            portrait.draw(track, performance, k)
            for portrait, track, performance in zip(self._portraits, tracks, performances, strict=True)
        )
        box = self._box
        cv2.copyTo(right.y[box.slices], self._rights, drawn.y[box.slices])
        for name in ("u", "v"):
            part = box.half.slices
            cv2.copyTo(getattr(right, name)[part], self._half_rights, getattr(drawn, name)[part])
        return drawn if self._masked is None else self._masked.lay(drawn)


def _later(speech: Speech, seconds: float) -> Speech:
    """The same speech begun less than a frame later, to the nearest 10 ms, with nothing before it."""
    readings = round(seconds * LEVELS)
    if not readings:
        return speech
    return Speech(
        samples=np.concatenate([np.zeros(readings * HOP, np.int16), speech.samples]),
        seconds=speech.seconds + readings / LEVELS,
        level=np.concatenate([np.full(readings, speech.level[0]), speech.level]),
        active=np.concatenate([np.zeros(readings, bool), speech.active]),
    )


def _placed(track: MouthTrack, first: int, count: int) -> MouthTrack:
    """A track of `count` frames, at rest but for `track` from frame `first` on."""
    placed = MouthTrack.still(count)
    for field in fields(track):
        part = getattr(track, field.name)[: count - first]
        getattr(placed, field.name)[first : first + part.size] = part
    return placed


def _too_few(usable: int, found: int) -> InputError:
    seen = "no face was" if not found else "only one face was" if found == 1 else f"{found} faces were"
    small = (
        ""
        if usable == found
        else ", too small to animate"
        if usable == 0
        else ", only one of them large enough"
    )
    return InputError(
        "two_faces_needed",
        f"Two people are needed, one for each voice, but {seen} found in the picture{small}. Send a picture in "
        "which two faces look towards the camera, or use the model for one person.",
    )
