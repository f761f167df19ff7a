"""`manage.py grant_credits` and `adjust_credits`: the operator's hand on the ledger."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import ledger
from accounts.models import AuditEvent, Entry, Team
from accounts.models.sales import MOST_CREDITS

pytestmark = pytest.mark.django_db


def grant(character, *options, kind="api"):
    call_command("grant_credits", str(character.team.pk), kind, "50", *options)


def test_two_purses_may_be_granted_by_one_reference(owner, stranger):
    for _again in range(2):
        grant(owner, "--reference", "order 1")
        grant(owner, "--reference", "order 1", kind="user")
        grant(stranger, "--reference", "order 1")
    assert ledger.balances(owner.team).api.available == 1050
    assert ledger.balances(owner.team).user.available == 1050
    assert ledger.balances(stranger.team).api.available == 1050


def test_a_day_is_the_last_one_on_which_they_can_be_spent(owner):
    grant(owner, "--expires", "2099-01-31")
    assert Entry.objects.first().expires_at == datetime(2099, 2, 1, tzinfo=UTC)


def test_a_number_is_so_many_days(owner):
    grant(owner, "--expires", "30")
    left = Entry.objects.first().expires_at - timezone.now()
    assert timedelta(days=29) < left <= timedelta(days=30)


@pytest.mark.parametrize("end", ["soon", "2020-01-31", "0", "²", "31.01.2099", "99999999999"])
def test_an_end_that_is_none_is_refused(owner, end):
    with pytest.raises(CommandError):
        grant(owner, "--expires", end)
    assert ledger.balances(owner.team).api.available == 1000


def test_a_reference_that_is_too_long_is_refused(owner):
    with pytest.raises(CommandError, match="too long"):
        grant(owner, "--reference", "x" * 200)


def test_a_grant_is_in_the_audit_log_once(owner):
    grant(owner, "--reference", "order 1")
    grant(owner, "--reference", "order 1")
    (event,) = AuditEvent.objects.filter(action="credits.grant")
    assert (event.team, event.by_operator, event.details) == (
        owner.team,
        True,
        {"purse": "api", "credits": 50, "note": ""},
    )


def test_a_grant_without_a_reference_is_made_each_time(owner):
    grant(owner)
    grant(owner)
    assert ledger.balances(owner.team).api.available == 1100


@pytest.mark.parametrize("name", ["owner's team", "OWNER@example.com"])
def test_a_team_is_named_as_in_the_other_commands(owner, name):
    call_command("grant_credits", name, "api", "50")
    call_command("adjust_credits", name, "api", "-20", "--note", "x")
    assert ledger.balances(owner.team).api.available == 1030


@pytest.mark.parametrize("name", ["²", "nobody@example.com", "9" * 30, "Nowhere"])
def test_a_team_that_is_none_is_a_sentence(owner, name):
    with pytest.raises(CommandError, match="There is no team"):
        call_command("grant_credits", name, "api", "50")
    with pytest.raises(CommandError, match="There is no team"):
        call_command("adjust_credits", name, "api", "50", "--note", "x")


def test_a_deleted_team_is_granted_nothing(owner):
    Team.objects.filter(pk=owner.team.pk).update(deleted_at=timezone.now())
    with pytest.raises(CommandError, match="There is no team"):
        grant(owner)
    assert ledger.balances(owner.team).api.available == 1000


@pytest.mark.parametrize("amount", [0, -5, MOST_CREDITS + 1, 10**30])
def test_an_amount_that_is_none_is_refused(owner, amount):
    with pytest.raises(CommandError, match="credits"):
        call_command("grant_credits", str(owner.team.pk), "api", "--", str(amount))
    assert ledger.balances(owner.team).api.available == 1000


@pytest.mark.parametrize(("by", "left"), [("20", 1020), ("-20", 980)])
def test_a_correction_is_made_and_noted(owner, capsys, by, left):
    call_command("adjust_credits", "owner@example.com", "api", by, "--note", "Counted twice.")
    assert f"{left} API credits" in capsys.readouterr().out
    line = Entry.objects.first()
    assert (line.kind, line.available_change, line.note) == ("adjust", int(by), "Counted twice.")
    (event,) = AuditEvent.objects.filter(action="credits.adjust")
    assert event.details == {"purse": "api", "change": int(by), "note": "Counted twice."}


def test_a_long_note_is_cut(owner):
    grant(owner, "--note", "x" * 300)
    assert Entry.objects.first().note == "x" * 200


def test_a_correction_below_zero_is_refused_and_not_noted(owner):
    with pytest.raises(CommandError, match="1000 api credits are available"):
        call_command("adjust_credits", "owner@example.com", "api", "-1001", "--note", "Counted twice.")
    assert not AuditEvent.objects.filter(action="credits.adjust").exists()
