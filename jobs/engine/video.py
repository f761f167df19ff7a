"""`lipsync-video`: a talking video says what a recording says."""

from collections.abc import Iterator

from jobs.engine.clip import Clip
from jobs.engine.contract import RenderReport
from jobs.engine.dub import Dubber
from jobs.engine.errors import InputError
from jobs.engine.follow import Follower, Seen
from jobs.engine.picture import Planes
from jobs.engine.speaker import turned
from jobs.engine.steady import Steadier
from jobs.engine.visemes import MouthTrack
from jobs.engine.work import FEWEST_PIXELS, Work

TURNED = 0.62  # |cosine| of the head's turn from the camera: below it half of the mouth is hidden


class VideoRender(Work):
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
        with self.timed("phones"):
            track = self.track(speech, float(clip.fps))
        self._follower = Follower(self.landmarks, float(clip.fps), mask)
        self._dubber = Dubber(self.direction.style, mask)
        self._drawn = 0
        size, sound = (clip.height, clip.width), self.request.inputs["audio"]
        self.write(self.output(size=size, fps=clip.fps, sound=sound), self._frames(clip, track), clip.frames)
        return self.report(frames=clip.frames, fps=float(clip.fps), size=size, faces=self._follower.most)

    def _frames(self, clip: Clip, track: MouthTrack) -> Iterator[Planes]:
        steadier = Steadier(float(clip.fps), self._usable)
        for k, (planes, steady) in enumerate(steadier.frames(self._seen(clip))):
            if steady is None:
                self.warn("face_lost")
            else:
                self._drawn += 1
                self._dubber.draw(planes, steady, track, k)
            if k == clip.frames - 1 and not self._drawn:
                raise _no_face()
            yield planes

    def _seen(self, clip: Clip) -> Iterator[tuple[Planes, Seen]]:
        for frame in clip:
            yield frame.planes, self._follower.next(frame.planes)

    def _usable(self, seen: Seen) -> bool:
        if seen.face is None or turned(seen.face) < TURNED:
            return False
        if seen.face.eye_distance < FEWEST_PIXELS:
            self.warn("face_small")
            return False
        return True


def _no_face() -> InputError:
    return InputError(
        "no_face",
        "No face was found in the video, or only ones too small or turned away; send a video in which a face looks "
        "towards the camera and fills a good part.",
    )
