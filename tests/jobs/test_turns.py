"""Turns at probing uploads: one a team, two in all, and hardly anybody waiting."""

import threading
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs import media
from jobs.models import Upload
from jobs.turns import ALL, EACH, NoTurn, Threads, Turns
from lipsyncweb.serve import THREADS
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
    turns = Turns(at_once=2, waiting=2, threads=Threads(10, 10))
    found = outcomes(turns, list(range(10)), holds=1.0, waits=0.3)

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


def held(turns: Turns, owner: int, *, until: threading.Event) -> threading.Thread:
    """A thread that has a turn of this owner's, until it is told to give it back."""
    has = threading.Event()

    def hold() -> None:
        with turns.turn(owner, seconds=0):
            has.set()
            until.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert has.wait(10)
    return thread


@pytest.mark.parametrize(("owners", "most", "each"), [([1, 1], 9, 2), ([1, 2], 2, 9)])
def test_work_of_all_kinds_holds_so_many_threads_of_an_owner_and_in_all(owners, most, each):
    threads, done = Threads(most, each), threading.Event()
    kinds = [Turns(at_once=9, waiting=9, threads=threads) for _ in range(3)]
    holders = [held(turns, owner, until=done) for turns, owner in zip(kinds, owners, strict=False)]
    with pytest.raises(NoTurn), kinds[2].turn(1, seconds=5):
        pass
    done.set()
    for holder in holders:
        holder.join()
    with kinds[2].turn(1, seconds=0):
        pass


def test_a_turn_within_another_takes_no_second_thread():
    threads = Threads(1, 1)
    outer, inner = (Turns(at_once=1, waiting=0, threads=threads) for _ in range(2))
    with outer.turn(1, seconds=0), inner.turn(1, seconds=0):
        pass
    with inner.turn(2, seconds=0):
        pass


def test_pages_are_served_whatever_else_is_done():
    assert EACH < ALL <= THREADS - 3


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
