import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import catalog
from jobs.timing import TELLING, TURNS, WIDTH, lay_out

VIDEO, PAIR = catalog.get("lipsync-video"), catalog.get("lipsync-image-multi")
LENGTH = st.floats(0.05, 600)


def timing(spec, values, seconds):
    values = {"order": "meanwhile", "resolution": "480p", **dict.fromkeys(seconds, "x"), **values}
    return lay_out(spec, values, seconds, spec.lengths(values, seconds))


def kinds(bar):
    return [part.kind for part in bar.parts]


def test_longer_video_has_a_piece_that_is_cut():
    found = timing(VIDEO, {}, {"video": 30.0, "audio": 10.0})
    video, speech = found.bars
    assert found.story == "cut"
    assert kinds(video) == ["video", "cut"]
    assert video.parts[0].width == pytest.approx(WIDTH / 3, abs=0.1)
    assert speech.parts[0].width == pytest.approx(WIDTH / 3, abs=0.1)


def test_shorter_video_plays_back_and_forth_to_the_end():
    found = timing(VIDEO, {}, {"video": 4.0, "audio": 14.0})
    assert found.story == "plays_on"
    assert kinds(found.bars[0]) == ["video", "back", "forth", "back"]
    assert found.bars[0].parts[-1].width == pytest.approx(WIDTH / 7, abs=0.1)


@given(LENGTH, LENGTH)
def test_pieces_of_a_video_follow_each_other_and_end_with_the_longer_input(video, audio):
    bar = timing(VIDEO, {}, {"video": video, "audio": audio}).bars[0]
    assert len(bar.parts) <= TURNS + 1
    for before, after in zip(bar.parts, bar.parts[1:], strict=False):
        assert after.x == pytest.approx(before.x + before.width, abs=0.2)
    if abs(video - audio) > TELLING:
        assert bar.parts[-1].x + bar.parts[-1].width == pytest.approx(WIDTH, abs=0.3)


@pytest.mark.parametrize(
    ("order", "starts"),
    [("meanwhile", [0.0, 0.0]), ("left_right", [0.0, 6.0]), ("right_left", [4.0, 0.0])],
)
def test_two_speeches_begin_by_their_order(order, starts):
    found = timing(PAIR, {"order": order}, {"left_audio": 6.0, "right_audio": 4.0})
    assert [bar.starts for bar in found.bars] == starts
    assert found.story == ("at_once" if order == "meanwhile" else "in_turn")
    assert found.difference == 2.0


def test_unknown_length_is_named_and_nothing_is_drawn_for_it():
    found = timing(PAIR, {"right_audio": "x", "order": "right_left"}, {"left_audio": 6.0})
    assert [str(label) for label in found.unknown] == ["Speech of the person on the right"]
    assert [bar.seconds for bar in found.bars] == [6.0, None]
    assert found.bars[1].parts == ()
    # Where the left one begins hangs on the right one's length.
    assert found.bars[0].parts == ()
    assert found.story == "unknown"


def test_one_speech_of_two_leaves_the_other_silent():
    found = timing(PAIR, {}, {"left_audio": 6.0})
    assert (found.story, found.bars) == ("alone", ())


def test_nothing_given_is_nothing_to_say():
    assert timing(VIDEO, {}, {}).story == ""
    assert timing(VIDEO, {}, {"video": 5.0}).story == ""
    assert timing(VIDEO, {"video": "x"}, {"audio": 5.0}).story == "fits"
