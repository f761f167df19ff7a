"""`lipsync-video`: a talking video says what a recording says."""

from collections.abc import Callable, Iterable, Iterator

from jobs.engine.ahead import ahead
from jobs.engine.arrays import Array
from jobs.engine.clip import Clip
from jobs.engine.contract import RenderReport
from jobs.engine.dub import Dubber
from jobs.engine.errors import InputError
from jobs.engine.follow import Follower, Seen
from jobs.engine.glimpse import faces_elsewhere
from jobs.engine.landmarks import LandmarkSource
from jobs.engine.memory import give_back
from jobs.engine.mouth import Style
from jobs.engine.picture import Planes
from jobs.engine.speaker import turned
from jobs.engine.steady import Steadier
from jobs.engine.visemes import MouthTrack
from jobs.engine.work import FEWEST_PIXELS, Work

AHEAD = 4  # frames
TURNED = 0.62  # |cosine| of the head's turn from the camera: below it half of the mouth is hidden


class VideoRender(Work):
    directs = frozenset({"mouth", "smile"})  # head and eyes are the video's own

    def run(self) -> RenderReport:
        self.tell("read", 0.0)
        with self.timed("read"):
            speech = self.speech("audio")
            clip = Clip(
                self.request.inputs["video"],
                resolution=self.request.resolution,
                seconds=speech.seconds,
                scratch=self.request.output.parent,
            )
            mask = self.mask(clip.width, clip.height)
        fps, size, sound = float(clip.fps), (clip.height, clip.width), self.request.inputs["audio"]
        self.tell("face", 0.02)
        with self.timed("face"):
            self._look_through(clip, mask)
        with self.timed("phones"):
            track = self.track(speech, fps)
        dubbing = Dubbing(self.landmarks, fps, style=self.direction.style, mask=mask, warn=self.warn)
        frames = dubbing.frames(((frame.planes, frame.source) for frame in clip), track)
        self.write(self.output(size=size, fps=clip.fps, sound=sound), frames, clip.frames)
        give_back()
        return self.report(frames=clip.frames, fps=fps, size=size, faces=dubbing.faces)

    def _look_through(self, clip: Clip, mask: Array | None) -> None:
        """Refuse a long video at once where it is certain to be refused at its end."""
        elsewhere = faces_elsewhere(
            self.request.inputs["video"],
            self.landmarks,
            size=(clip.width, clip.height),
            seconds=min(clip.source_seconds, clip.frames / float(clip.fps)),
            mask=mask,
        )
        if elsewhere is not None:
            raise _beside_the_mask() if elsewhere else _no_face()


class Dubbing:
    """The frames of one clip with another speech in them. warn : told `face_lost` and `face_small`."""

    def __init__(
        self,
        landmarks: LandmarkSource,
        fps: float,
        *,
        style: Style,
        mask: Array | None = None,
        warn: Callable[[str], None],
    ) -> None:
        self._follower = Follower(landmarks, fps, mask)
        # No method of this object: a ring would keep the follower's mesh until somebody collects garbage.
        self._steadier = Steadier(fps, lambda seen: _usable(seen, warn))
        self._dubber = Dubber(style, mask)
        self._warn = warn

    @property
    def faces(self) -> int:
        """The most that were seen at once."""
        return self._follower.most

    def frames(self, source: Iterable[tuple[Planes, int]], track: MouthTrack) -> Iterator[Planes]:
        """The same planes, drawn into where the speaker's mouth can be; others are exactly what they were.

        source : each frame with a number of the picture that it shows. Raises InputError `no_face` at the end where
        there was no such frame. A mask with faces beside its white alone is such a case; in a picture the largest
        face moves then, since its head may reach into the white, but here only mouths move.
        """
        drawn = 0
        # Decoding and following take as long as drawing and handing over to the encoder.
        seen = ahead(((planes, self._follower.next(planes, picture)) for planes, picture in source), AHEAD)
        for k, (planes, steady) in enumerate(self._steadier.frames(seen)):
            if steady is None:
                self._warn("face_lost")
            else:
                self._dubber.draw(planes, steady, track, k)
                drawn += 1
            if k == len(track) - 1 and not drawn:
                raise _beside_the_mask() if self._follower.most and not self._follower.found else _no_face()
            yield planes


def _usable(seen: Seen, warn: Callable[[str], None]) -> bool:
    if seen.face is None or seen.covered or turned(seen.face) < TURNED:
        return False
    if seen.face.eye_distance < FEWEST_PIXELS:
        warn("face_small")
        return False
    return True


def _no_face() -> InputError:
    return InputError(
        "no_face",
        "No face was found in the video, or only ones too small or turned away; send a video in which a face looks "
        "towards the camera and fills a good part.",
    )


def _beside_the_mask() -> InputError:
    return InputError(
        "no_face",
        "No face lies under the white of the mask in any part of the video; paint white over the mouth that shall "
        "speak, or leave the mask out.",
    )
