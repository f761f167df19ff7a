"""Turns at probing uploads: one a team, two in all, and hardly anybody waiting."""

import threading
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs import media
from jobs.models import Upload
from jobs.turns import NoTurn, Turns
from tests.jobs.test_media import png


def outcomes(turns: Turns, owners: list[int], *, holds: float, waits: float) -> list[tuple[str, float]]:
    """What comes of asking for a turn for each of these owners at once, and after how many seconds."""
    found: list[tuple[str, float]] = []
    together = threading.Barrier(len(owners))

    def ask(owner: int) -> None:
        together.wait()
        start = time.monotonic()
        try:
            with turns.turn(owner, seconds=waits):
                found.append(("had", time.monotonic() - start))
                time.sleep(holds)
        except NoTurn:
            found.append(("none", time.monotonic() - start))

    threads = [threading.Thread(target=ask, args=[owner]) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_ten_at_once_two_have_a_turn_two_wait_and_the_others_hear_at_once():
    found = outcomes(Turns(at_once=2, waiting=2), list(range(10)), holds=1.0, waits=0.3)

    assert [what for what, _ in found].count("had") == 2
    refused = sorted(after for what, after in found if what == "none")
    assert len(refused) == 8
    assert max(refused[:6]) < 0.25
    assert min(refused[6:]) >= 0.3


def test_an_owner_has_one_turn_and_leaves_the_other_to_others():
    turns = Turns(at_once=2, waiting=2)
    with turns.turn(1, seconds=0):
        with pytest.raises(NoTurn), turns.turn(1, seconds=0.05):
            pass
        with turns.turn(2, seconds=0):
            pass


def test_whoever_waits_has_the_turn_that_is_given_back():
    found = outcomes(Turns(at_once=1, waiting=2), [1, 2, 3], holds=0.1, waits=5.0)

    assert [what for what, _ in found] == ["had"] * 3


def test_a_turn_is_given_back_after_a_failure():
    turns = Turns(at_once=1, waiting=0)
    with pytest.raises(ZeroDivisionError), turns.turn(1, seconds=0):
        raise ZeroDivisionError
    with turns.turn(1, seconds=0):
        pass


@pytest.mark.django_db
def test_a_team_whose_file_is_being_probed_is_told_to_come_back(owner, stranger, monkeypatch):
    monkeypatch.setattr(media, "PROBE_WAIT", 0.05)
    file = SimpleUploadedFile("me.png", png())
    with media._probes.turn(owner.team.pk, seconds=0):
        with pytest.raises(media.MediaRefused) as caught:
            media.accept_upload(team=owner.team, user=None, upload=file, kind="image")
        file.seek(0)
        media.accept_upload(team=stranger.team, user=None, upload=file, kind="image")

    assert caught.value.code == "busy"
    assert [upload.team for upload in Upload.objects.all()] == [stranger.team]
