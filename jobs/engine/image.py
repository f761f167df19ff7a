"""`lipsync-image`: one picture and one recording become a talking portrait."""

from dataclasses import replace

from jobs.engine.arrays import Array
from jobs.engine.compose import Portrait
from jobs.engine.contract import RenderReport
from jobs.engine.landmarks import Face
from jobs.engine.motion import perform
from jobs.engine.visemes import FPS, MouthTrack
from jobs.engine.work import Work, is_under, large_enough


class ImageRender(Work):
    def run(self) -> RenderReport:
        self.tell("read", 0.0)
        with self.timed("read"):
            speech = self.speech("audio")
            picture, mask = self.pictures()
        self.tell("face", 0.02)
        with self.timed("face"):
            faces = self._faces(picture, mask)
            portrait = Portrait(picture, faces[0], style=self.direction.style, mask=mask)
        with self.timed("phones"):
            track = self.track(speech, FPS)
        self._draw(portrait, track)
        return self.report(frames=len(track), fps=FPS, size=portrait.source.shape, faces=len(faces))

    def _faces(self, picture: Array, mask: Array | None) -> list[Face]:
        """Faces of the picture, the one to move first: the largest, or the largest under the mask."""
        faces = large_enough(self.landmarks.find(picture))
        if mask is not None:
            faces.sort(key=lambda face: not is_under(face, mask))  # stable: size decides among equals
        return faces

    def _draw(self, portrait: Portrait, track: MouthTrack) -> None:
        direction = self.direction if portrait.can_blink else replace(self.direction, blinks=0.0)
        performance = perform(track.loud, self.request.seed, head=direction.head, blinks=direction.blinks)
        frames = (portrait.draw(track, performance, k) for k in range(len(track)))
        sound = self.request.inputs["audio"]
        self.write(self.output(size=portrait.source.shape, fps=FPS, sound=sound), frames, len(track))
