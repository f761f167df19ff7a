"""A video as the output shows it."""

from jobs.engine.clip import Clip
from tests.engine.files import write_video


def test_a_video_is_as_long_as_asked(tmp_path):
    path = write_video(tmp_path / "x", container="mp4", seconds=0.2)

    assert [frame.source for frame in Clip(path, resolution=480, seconds=0.4)] == [
        0,
        1,
        2,
        3,
        4,
        3,
        2,
        1,
        0,
        1,
    ]
    assert [frame.source for frame in Clip(path, resolution=480, seconds=0.08)] == [0, 1]
