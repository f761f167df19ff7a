"""What a render leaves behind in a process that goes on to the next."""

import gc
import weakref

from jobs.engine.compose import Style
from jobs.engine.landmarks import MediapipeLandmarks
from jobs.engine.video import Dubbing, VideoRender


def test_clip_takes_its_face_mesh_with_it_without_a_garbage_collection():
    gc.disable()
    try:
        dubbing = Dubbing(MediapipeLandmarks.shared(), 25.0, style=Style(), warn=lambda code: None)
        follower = weakref.ref(dubbing._follower)
        assert follower() is not None
        del dubbing
        assert follower() is None
    finally:
        gc.enable()


def test_video_takes_no_words_about_head_and_eyes():
    assert VideoRender.directs == {"mouth", "smile"}
