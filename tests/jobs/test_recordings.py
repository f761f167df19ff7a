"""What the microphones of browsers give: streams that were cut off, without a length in their header."""

import io

import av
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs import media

pytestmark = pytest.mark.django_db

SECONDS = 3
# As Chromium, Firefox and Safari record.
BROWSERS = {
    "webm": ("webm", "libopus", {"live": "1"}),
    "ogg": ("ogg", "libopus", {}),
    "mp4": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
}


class Pipe(io.RawIOBase):
    """Nothing that was written can be gone back to, as in a recording that goes out piece by piece."""

    def __init__(self):
        super().__init__()
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece) -> int:
        self.content += bytes(piece)
        return len(piece)


def recorded(kind: str) -> bytes:
    container_format, codec, options = BROWSERS[kind]
    pipe = Pipe()
    with av.open(pipe, "w", format=container_format, options=options) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        sound = (np.sin(np.arange(48_000 * SECONDS) / 20) * 9000).astype(np.int16)
        for begin in range(0, len(sound), 960):
            frame = av.AudioFrame.from_ndarray(sound[None, begin : begin + 960], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, begin
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return bytes(pipe.content)


@pytest.mark.parametrize("kind", BROWSERS)
def test_a_recording_of_every_browser_is_taken_with_its_length(owner, kind):
    file = SimpleUploadedFile(f"Recording.{kind}", recorded(kind))
    kept = media.accept_upload(team=owner.team, user=owner.user, upload=file, kind="audio")
    assert kept.format == kind
    assert kept.seconds == pytest.approx(SECONDS, abs=0.2)
