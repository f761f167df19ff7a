"""Head movement, blinks, and the prompt that directs them."""

import numpy as np
import pytest

from jobs.engine.motion import perform
from jobs.engine.prompt import read_prompt

LOUD = np.full(1500, 0.5, np.float32)  # a minute


def test_starts_as_the_picture_was_given_and_stays_small():
    head = perform(LOUD, 3).head
    assert not head[0].any()
    assert 1.0 < np.degrees(np.abs(head[:, 0]).max()) < 4.0
    assert np.abs(head[:, 3:]).max() < 0.03


def test_moves_without_a_jerk():
    assert np.degrees(np.abs(np.diff(perform(LOUD, 3).head[:, :3], axis=0)).max()) < 0.4


def test_seed_decides():
    assert np.array_equal(perform(LOUD, 3).head, perform(LOUD, 3).head)
    assert not np.array_equal(perform(LOUD, 3).head, perform(LOUD, 4).head)
    assert not np.array_equal(perform(LOUD, 3).blink, perform(LOUD, 4).blink)


def test_blinks_as_often_as_people_and_can_be_told_not_to():
    starts = np.flatnonzero(np.diff((perform(LOUD, 3).blink > 0).astype(int)) == 1)
    assert 10 <= starts.size <= 35
    assert not perform(LOUD, 3, blinks=0.0).blink.any()
    assert not perform(LOUD, 3, head=0.0).head.any()


def test_listener_turns_to_the_speaker_and_nods():
    silent = np.zeros_like(LOUD)
    for side, towards in ((0, -1), (1, 1)):  # a positive yaw turns to the left of the picture
        alone, listening = (perform(silent, 3, side=side, other=o).head for o in (None, LOUD))
        added = np.degrees(listening - alone)
        assert (towards * added[200:-200, 0]).min() > 1.0
        nods = added[200:-200, 1] - np.median(added[200:-200, 1])
        assert 8 <= np.count_nonzero(np.diff((nods > 0.5).astype(int)) == 1) <= 40
        assert np.abs(np.diff(listening[:, :3], axis=0)).max() < np.radians(0.6)


def test_speaker_listens_to_nobody_and_two_people_move_each_in_their_own_way():
    left, right = (perform(LOUD, 3, side=side, other=LOUD) for side in (0, 1))
    assert np.array_equal(left.head, perform(LOUD, 3).head)
    assert not np.array_equal(left.head, right.head)
    assert not np.array_equal(left.blink, right.blink)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", []),
        ("A calm, smiling woman in a garden", ["calm", "smiling"]),
        ("Lively! Wide mouth movements, no blinking.", ["lively", "no blinking", "wide mouth"]),
        ("keep the head still and look serious", ["serious", "still head"]),
        ("Спокойно, с улыбкой, не моргать", ["calm", "smiling", "no blinking"]),
        ("Живой рассказ, голова неподвижна, широкий рот", ["lively", "still head", "wide mouth"]),
        ("calmness of the dismiled sea", []),
        ("not smiling, never calm; не улыбаться, без улыбки", []),
        ("Not calm? No: smiling and not serious", ["smiling"]),
        ("no smile, without a smile, she isn't smiling, less lively, not very calm; не очень спокойно", []),
        ("живая и не слишком серьёзная; don't blink", ["lively", "no blinking"]),
    ],
)
def test_prompt_words_in_english_and_russian(prompt, words):
    assert read_prompt(prompt)[1] == words


def test_prompt_changes_the_performance():
    direction, _ = read_prompt("lively, still head, no blinking, small mouth, smiling")
    assert direction.head == 0.0
    assert direction.blinks == 0.0
    assert direction.style.mouth < 1.0
    assert direction.style.smile > 0.0


def test_words_about_what_a_model_does_not_make_are_not_used():
    direction, words = read_prompt("calm, still head, no blinking, wide mouth", frozenset({"mouth", "smile"}))
    assert words == ["calm", "wide mouth"]
    assert direction.style.mouth > 1.0
