import numpy as np
import pytest

from jobs.engine.audio import PHONES, Phone, Speech, activity, certain
from jobs.engine.visemes import FPS, MouthTrack, closures, frame_count, mouth_track


def speech(*, seconds: float, quiet: tuple[float, float] = (0.0, 0.0)) -> Speech:
    """Steady speech at -20 dB with one pause at -70 dB."""
    level = np.full(round(seconds * 100), -20.0, np.float32)
    level[int(quiet[0] * 100) : int(quiet[1] * 100)] = -70.0
    return Speech(np.zeros(int(seconds * 16000), np.int16), seconds, level, activity(level))


def mouth(phones: list[Phone], talk: Speech, fps: float = FPS) -> MouthTrack:
    return mouth_track(certain(phones, talk.level.size), talk, fps)


def say(*parts: tuple[str, float]) -> tuple[list[Phone], float]:
    phones, at = [], 0.0
    for name, length in parts:
        phones.append(Phone(name, at, at + length))
        at += length
    return phones, at


def at(track: MouthTrack, name: str, seconds: float) -> float:
    return float(getattr(track, name)[int(seconds * FPS)])


@pytest.mark.parametrize("name", ["P", "B", "M"])
@pytest.mark.parametrize("start", [0.20, 0.21, 0.22, 0.23])
def test_closure_of_50_ms_is_shut_in_at_least_one_frame_wherever_it_falls(name, start):
    phones, seconds = say(("AA", start), (name, 0.05), ("AA", 0.4))
    track = mouth(phones, speech(seconds=seconds))
    first, last = int(start * FPS) - 1, int((start + 0.05) * FPS) + 1
    assert track.opening[first : last + 1].min() == 0.0
    assert at(track, "opening", 0.08) > 0.5
    assert at(track, "opening", 0.5) > 0.5


def test_open_vowels_open_wider_than_close_ones():
    heights = []
    for vowel in ("AA", "EH", "IY"):
        phones, seconds = say(("T", 0.1), (vowel, 0.3), ("T", 0.1))
        heights.append(at(mouth(phones, speech(seconds=seconds)), "opening", 0.25))
    assert heights[0] > heights[1] + 0.15 > heights[2] + 0.3


def test_small_openings_are_smaller_than_in_proportion_but_no_closure():
    heights = []
    for name in ("S", "EH", "AA"):
        phones, seconds = say((name, 0.6))
        heights.append(at(mouth(phones, speech(seconds=seconds)), "opening", 0.3))
    small, middling, wide = heights
    assert 0.1 < small < 0.24 * wide
    assert small < middling < 0.75 * wide


def test_rounding_begins_before_its_vowel():
    phones, seconds = say(("S", 0.15), ("T", 0.1), ("UW", 0.3))
    rounded = mouth(phones, speech(seconds=seconds))
    phones, seconds = say(("S", 0.15), ("T", 0.1), ("IY", 0.3))
    spread = mouth(phones, speech(seconds=seconds))
    assert at(rounded, "rounding", 0.21) > at(spread, "rounding", 0.21) + 0.2
    assert at(rounded, "width", 0.4) < -0.4 < 0.4 < at(spread, "width", 0.4)


def test_lip_goes_under_the_teeth_for_f_and_v():
    phones, seconds = say(("AH", 0.2), ("F", 0.12), ("AH", 0.2))
    track = mouth(phones, speech(seconds=seconds))
    assert at(track, "tuck", 0.26) > 0.6
    assert at(track, "tuck", 0.06) < 0.2


def test_pause_is_shut_even_where_phones_were_heard_in_its_noise():
    phones, seconds = say(("AA", 0.5), ("AE", 0.6), ("AA", 0.5))
    track = mouth(phones, speech(seconds=seconds, quiet=(0.5, 1.1)))
    pause = track.opening[int(0.62 * FPS) : int(0.98 * FPS)]
    assert pause.max() == 0.0
    assert at(track, "opening", 0.3) > 0.5
    assert at(track, "opening", 1.3) > 0.5


def test_loud_speech_opens_wider_than_quiet_speech():
    phones, seconds = say(("AA", 0.5), ("AA", 0.5))
    talk = speech(seconds=seconds)
    talk.level[:50] = -38.0
    track = mouth(phones, Speech(talk.samples, seconds, talk.level, np.ones(100, bool)))
    assert at(track, "opening", 0.25) < at(track, "opening", 0.75) - 0.1


def test_values_stay_within_their_ranges():
    names = ["SIL", "P", "AA", "F", "OW", "IY", "M", "UW", "CH", "AE", "nonsense"]
    phones, seconds = say(*((name, 0.07) for name in names * 4))
    track = mouth(phones, speech(seconds=seconds))
    for name in ("opening", "rounding", "upper", "tuck", "press", "loud"):
        values = getattr(track, name)
        assert values.min() >= 0, name
        assert values.max() <= 1.15, name
    assert np.abs(track.width).max() <= 1


def test_silence_keeps_the_mouth_still():
    level = np.full(100, -90.0, np.float32)
    quiet = Speech(np.zeros(16000, np.int16), 1.0, level, activity(level))
    assert quiet.silent
    assert not mouth([Phone("AA", 0.0, 1.0)], quiet).opening.any()


def test_pause_and_silence_are_one_rest():
    phones, seconds = say(("SIL", 1.0), ("AA", 0.5), ("SIL", 1.0))
    track = mouth(phones, speech(seconds=seconds, quiet=(0.0, 0.9)))
    rest = MouthTrack.still(1)
    for name in ("opening", "width", "rounding", "upper", "tuck", "press"):
        assert at(track, name, 0.3) == pytest.approx(float(getattr(rest, name)[0]), abs=0.01), name


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.001, 1), (0.04, 1), (1.0, 25), (1.01, 26), (600.0, 15000)]
)
def test_frames_cover_the_recording(seconds, frames):
    assert frame_count(seconds) == frames


def test_loud_speech_that_was_not_understood_still_moves_the_mouth():
    phones, seconds = say(("AA", 0.3), ("SIL", 0.3), ("AA", 0.3))
    track = mouth(phones, speech(seconds=seconds))
    assert at(track, "opening", 0.45) > 0.3


def test_loud_speech_under_doubtful_silence_moves_only_while_it_is_loud():
    phones, seconds = say(("AA", 0.3), ("SIL", 0.3), ("AA", 0.3))
    quiet = mouth(phones, speech(seconds=seconds, quiet=(0.3, 0.6)))
    assert at(quiet, "opening", 0.45) == 0.0


def doubt(seconds: float, start: float, end: float, **shares: float) -> np.ndarray:
    """EH throughout, but for the given probabilities between start and end."""
    rows = np.zeros((round(seconds * 100), len(PHONES)), np.float32)
    rows[:, PHONES.index("EH")] = 1.0
    part = rows[round(start * 100) : round(end * 100)]
    for name, share in shares.items():
        part[:, PHONES.index(name)] = share
        part[:, PHONES.index("EH")] -= share
    return rows


def test_mouth_in_doubt_is_between_the_mouths_of_what_it_may_be():
    heights = []
    for share in (0.0, 0.5, 1.0):
        track = mouth_track(doubt(1.0, 0.3, 0.7, IY=share), speech(seconds=1.0))
        heights.append(at(track, "opening", 0.5))
    assert heights[0] > heights[1] + 0.05 > heights[2] + 0.1


def test_likely_closure_is_shown_whole_and_an_unlikely_one_is_not():
    shown = mouth_track(doubt(1.0, 0.45, 0.55, B=0.15, P=0.15, T=0.4), speech(seconds=1.0))
    assert at(shown, "opening", 0.5) == 0.0
    assert at(shown, "press", 0.5) > 0.5
    unlikely = mouth_track(doubt(1.0, 0.45, 0.55, B=0.04, P=0.04), speech(seconds=1.0))
    assert at(unlikely, "opening", 0.5) > 0.3


def test_closures_last_while_they_are_likeliest():
    assert closures(doubt(1.0, 0.4, 0.5, P=0.8)) == [pytest.approx((0.4, 0.5))]
    assert closures(doubt(1.0, 0.4, 0.5, P=0.1, B=0.1, M=0.1)) == [pytest.approx((0.4, 0.5))]
    rising = doubt(1.0, 0.38, 0.5, M=0.2)
    rising[40:44] = doubt(0.04, 0.0, 0.04, M=0.9)
    assert closures(rising) == [pytest.approx((0.40, 0.44))]
    assert closures(doubt(1.0, 0.4, 0.5, T=1.0)) == []


@pytest.mark.parametrize("fps", [23.976, 25.0, 30.0, 59.94])
def test_any_frame_rate_shows_the_same_mouth_at_the_same_time(fps):
    phones, seconds = say(("AA", 0.4), ("M", 0.08), ("IY", 0.4), ("SIL", 0.02))
    talk = speech(seconds=seconds)
    track = mouth(phones, talk, fps)
    assert len(track) == frame_count(seconds, fps)
    usual = mouth(phones, talk)
    for seconds in (0.1, 0.25, 0.7):
        assert track.opening[int(seconds * fps)] == pytest.approx(at(usual, "opening", seconds), abs=0.06)
    assert track.opening[int(0.40 * fps) : int(0.48 * fps) + 1].min() == 0.0


def test_faint_speech_is_not_clipped_but_faint_noise_is():
    """What follows a word 34 dB below it opens the mouth if the recogniser hears a vowel there, not if silence."""
    level = np.full(200, -65.0, np.float32)
    level[50:100] = -20.0
    level[100:125] = -54.0
    talk = Speech(np.zeros(32000, np.int16), 2.0, level, activity(level))
    assert not talk.active[105:].any()
    word = ("SIL", 0.5), ("AA", 0.5)
    speaking = mouth(say(*word, ("AA", 0.25), ("SIL", 0.75))[0], talk)
    breathing = mouth(say(*word, ("SIL", 1.0))[0], talk)
    assert at(speaking, "opening", 1.15) > 0.5
    assert at(breathing, "opening", 1.15) == 0.0


def test_noise_floor_itself_is_never_speech():
    level = np.full(200, -50.0, np.float32)
    level[50:100] = -20.0
    talk = Speech(np.zeros(32000, np.int16), 2.0, level, activity(level))
    track = mouth([Phone("AA", 0.0, 2.0)], talk)
    assert at(track, "opening", 0.75) > 0.5
    assert at(track, "opening", 1.5) == 0.0


def test_loudness_moves_the_lips_more_where_the_phones_are_a_guess():
    talk = speech(seconds=2.0)
    talk.level[100:] = -32.0
    talk = Speech(talk.samples, 2.0, talk.level, np.ones(200, bool))
    falls = []
    for share in (0.1, 0.5):
        track = mouth_track(doubt(2.0, 0.0, 2.0, EY=share), talk)
        falls.append(at(track, "opening", 0.5) / at(track, "opening", 1.5))
    assert 1.05 < falls[0] < 1.3
    assert falls[1] > 1.5
