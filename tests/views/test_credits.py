"""The credits pages: balances, usage, caps and alerts."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import audit, keys, ledger
from accounts.models import AuditEvent, Entry, Purse, Role
from tests.conftest import character
from tests.jobs.making import make_job


def spend(character, amount, *, kind="api", days_ago=0, model="lipsync-image", key=None, person=None):
    """Reserve and charge as a job does."""
    job = uuid.uuid4()
    asked = {"team": character.team, "kind": kind, "amount": amount}
    source = ledger.Source(job_id=job, key=key, person=person, model=model)
    ledger.reserve(reference=f"job:{job}:minimum", source=source, **asked)
    ledger.charge(reference=f"job:{job}", source=source, **asked)
    if days_ago:
        Entry.objects.filter(job_id=job).update(created_at=datetime.now(UTC) - timedelta(days=days_ago))
    return job


def page(character, name="credits", **query):
    answer = character.client.get(reverse(name), query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_balances_tell_what_is_there_and_what_is_set_aside(owner):
    make_job(owner, by="person")
    shown = page(owner)
    for words in ("990 <", "1,000 <", "and 10 credits set aside", "Spent this month: 10 credits"):
        assert words in shown
    assert "There is no monthly cap." in shown
    assert "Running low" not in shown


def test_cap_and_low_balance_are_told(owner):
    ledger.set_limits(team=owner.team, kind="api", monthly_cap=30, alert_below=975)
    spend(owner, 10)
    assert "Spent this month: 10 of at most 30 credits." in page(owner)
    assert "Running low" not in page(owner)
    spend(owner, 20)
    shown = page(owner)
    assert "The cap is reached" in shown
    assert "Running low" in shown
    assert '<progress max="30" value="30"' in shown


def test_empty_balance_is_told(owner):
    Purse.objects.filter(team=owner.team, kind="user").update(available=0)
    assert "Used up" in page(owner)


def test_last_months_spending_is_not_this_months(owner):
    spend(owner, 10)
    Purse.objects.update(month=(timezone.now() - timedelta(days=40)).date().replace(day=1))
    assert "Spent this month: 0 credits" in page(owner)


def test_credits_that_expire_are_told(owner):
    when = timezone.now() + timedelta(days=9)
    ledger.grant(
        team=owner.team, kind="api", amount=77, reference=ledger.new_reference("operator"), expires_at=when
    )
    assert f'77 credits to be spent until <time datetime="{when:%Y-%m-%d}' in page(owner)


def test_usage_is_drawn_and_told_in_a_table(owner):
    spend(owner, 10)
    spend(owner, 30, model="lipsync-video")
    spend(owner, 5, days_ago=2)
    shown = page(owner)
    assert shown.count('<g class="chart__day">') == 2
    assert "45 credits. The most in a day: 40" in shown
    assert re.search(r"chart__s1\"></span>lipsync-video</th><td [^>]*>30<", shown)
    assert re.search(r"chart__s2\"></span>lipsync-image</th><td [^>]*>15<", shown)
    assert "3 jobs" in shown


def test_usage_is_told_by_key_and_by_person(owner, teammate):
    nightly, _secret = keys.issue(
        team=owner.team, created_by=owner.user, name="nightly <b>", actor=None, who=audit.UNRECORDED
    )
    spend(owner, 10, key=nightly)
    spend(owner, 7, kind="user", person=teammate.user)
    spend(owner, 3, kind="user")
    assert "nightly &lt;b&gt;</th>" in page(owner, by="key", purse="api")
    shown = page(owner, by="person", purse="user")
    assert "teammate@example.com</th>" in shown
    assert "Somebody who deleted their account</th>" in shown


def test_usage_of_nothing_says_so(owner, stranger):
    spend(stranger, 10)
    shown = page(owner)
    assert "Nothing was charged in this time" in shown
    assert '<svg class="chart' not in shown


def test_usage_opens_on_the_balance_that_is_used(owner):
    spend(owner, 10, kind="user")
    assert re.search(r'<option value="user" selected', page(owner))


@pytest.mark.parametrize("query", [{"days": "-1"}, {"days": "1e9"}, {"by": "team"}, {"purse": "all"}])
def test_usage_that_makes_no_sense_is_the_usual_one(owner, query):
    assert '<option value="30" selected' in page(owner, **query)


def test_page_costs_as_many_queries_with_a_hundred_lines(owner, django_assert_max_num_queries):
    for _job in range(50):
        spend(owner, 1, key=owner.key)
    with django_assert_max_num_queries(12):
        page(owner, by="key")


def save(character, kind="api", **values):
    data = {"purse": kind, **{f"{kind}-{name}": value for name, value in values.items()}}
    return character.client.post(reverse("credit_limits"), data)


def test_cap_and_alert_are_saved_and_written_down(owner):
    answer = save(owner, monthly_cap="500", alert_below="50")
    assert answer["Location"] == reverse("credit_limits")
    purse = Purse.objects.get(team=owner.team, kind="api")
    assert (purse.monthly_cap, purse.alert_below) == (500, 50)
    assert Purse.objects.get(team=owner.team, kind="user").monthly_cap is None
    event = AuditEvent.objects.get(action="credits.limits")
    assert event.person == owner.user
    assert event.details == {"purse": "api", "monthly_cap": 500, "alert_below": 50}
    assert 'value="500"' in page(owner, "credit_limits")


def test_cap_and_alert_are_taken_away_by_empty_fields(owner):
    save(owner, monthly_cap="500", alert_below="50")
    save(owner, monthly_cap="", alert_below="")
    purse = Purse.objects.get(team=owner.team, kind="api")
    assert (purse.monthly_cap, purse.alert_below) == (None, None)


@pytest.mark.parametrize("value", ["-1", "1.5", "ten", "1e309", "NaN", str(10**13), "9" * 400])
def test_cap_that_is_no_amount_is_refused(owner, value):
    answer = save(owner, monthly_cap=value)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert Purse.objects.get(team=owner.team, kind="api").monthly_cap is None


def test_purse_that_is_none_is_refused(owner):
    assert save(owner, kind="gold", monthly_cap="5").status_code == 422


def test_cap_holds_from_the_next_job_on(owner):
    save(owner, monthly_cap="15")
    make_job(owner)
    with pytest.raises(ledger.SpendingCapReached):
        make_job(owner)


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 302), (Role.MEMBER, 403), (Role.VIEWER, 403)])
def test_caps_are_set_by_those_who_manage_credits(owner, role, status):
    person = character("person@example.com", team=owner.team, role=role)
    assert save(person, monthly_cap="5").status_code == status
    assert (reverse("credit_limits") in page(person)) == (status == 302)
