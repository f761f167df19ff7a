"""Every code that a page can show has words."""

from jobs import words
from jobs.verbs import VERBS


def test_every_verb_of_the_state_machine_is_said_in_words():
    assert {verb.name for verb in VERBS} | {"submit"} <= set(words.VERBS)
