"""The audit log's page: who reads it, what its filters find, and what its export holds."""

import csv
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from accounts.audit import Who
from accounts.audit import log as audit_log
from accounts.models import AuditEvent, Membership, Role
from tests.conftest import character


def tell(team, action="key.create", who=audit.OPERATOR, **details) -> None:
    audit.record(action, team=team, who=who, **details)


def page(actor, **asked) -> str:
    answer = actor.client.get(reverse("audit"), asked)
    assert answer.status_code == 200
    return answer.content.decode()


def export(actor, form: str, **asked) -> str:
    answer = actor.client.get(reverse("audit_export", args=[form]), asked)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


@pytest.fixture
def by_owner(owner) -> Who:
    return Who(person=owner.user, address="203.0.113.7")


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.MEMBER, 403), (Role.VIEWER, 403)],
)
def test_owners_and_admins_alone_read_it(owner, role, status):
    reader = character("reader@example.com", team=owner.team, role=role)
    for address in (reverse("audit"), reverse("audit_export", args=["csv"])):
        assert reader.client.get(address).status_code == status


def test_a_line_says_who_did_what_from_where(owner, by_owner):
    tell(owner.team, who=by_owner, target="nightly", limits={"allowed_models": ["lipsync-image"]})
    shown = page(owner)
    for words in ("Created an API key", "nightly", "owner@example.com", "203.0.113.7", "Limits: Models"):
        assert words in shown


@pytest.mark.parametrize(
    ("action", "details", "told"),
    [
        ("member.role", {"before": "viewer", "after": "admin"}, {"Before": "Viewer", "Afterwards": "Admin"}),
        ("team.rename", {"before": "admin"}, {"Before": "admin"}),
        (
            "webhook.rotate",
            {"old_signs_for_seconds": 86400},
            {"The old secret signs for another": "1\xa0day"},
        ),
        ("credits.grant", {"purse": "api", "credits": 5}, {"Balance": "API credits", "Credits": "5"}),
        ("connection.switch", {"on": False}, {"On": "no"}),
        (
            "key.limits",
            {"before": {}, "after": {"daily_credits": 7, "addresses": ["10.0.0.0/8", "::1"]}},
            {"Afterwards: Credits a day": "7", "Afterwards: Only from": "10.0.0.0/8, ::1"},
        ),
        ("credits.limits", {"monthly_cap": None, "alert_below": 0}, {"Mail below": "0"}),
    ],
)
def test_details_are_told_in_words(owner, action, details, told):
    tell(owner.team, action, **details)
    assert dict(audit_log.details(AuditEvent.objects.get())) == told


def test_detail_of_long_ago_that_has_no_words_is_told_as_it_is(owner):
    AuditEvent.objects.create(team=owner.team, action="key.steal", details={"old": {"x": 1}})
    assert "<dt>old: x</dt><dd>1</dd>" in page(owner)


def test_who_did_it_is_not_named_again_as_whom_it_was_done_to(owner, by_owner, teammate):
    tell(owner.team, "member.join", who=Who(person=teammate.user), subject=teammate.user)
    assert page(owner).split("</ol>")[0].split("<ol")[1].count("teammate@example.com") == 1
    tell(owner.team, "member.disable", who=Who(person=teammate.user, by_operator=True), subject=teammate.user)
    assert audit_log.target(AuditEvent.objects.latest("pk")) == "teammate@example.com"


def test_what_has_just_been_done_is_not_minutes_ago(owner):
    tell(owner.team)
    assert "ago)" not in page(owner)


def test_nothing_of_another_team_is_shown_or_exported(owner, stranger, by_owner):
    tell(owner.team, who=by_owner, target="nightly")
    assert "nightly" not in page(stranger) + export(stranger, "csv") + export(stranger, "json")
    # Nor by naming their people and keys.
    assert "nightly" not in page(stranger, person=owner.user.pk, key=owner.key.pk)


def test_a_deleted_account_and_the_operator_are_told_without_a_name(owner, teammate, stranger):
    tell(owner.team, who=Who(person=teammate.user, address="203.0.113.9"), target="nightly")
    tell(owner.team, who=Who(person=stranger.user, by_operator=True, address="198.51.100.1"))
    Membership.objects.filter(user=teammate.user).delete()
    teammate.user.delete()
    for shown in (page(owner), export(owner, "csv"), export(owner, "json")):
        assert "A deleted account" in shown
        assert "The site&#x27;s operator" in shown or "The site's operator" in shown
        assert "stranger@example.com" not in shown
        assert "198.51.100.1" not in shown
    # Not to be found by either.
    assert "operator" not in page(owner, text="stranger@").split("<h2", 1)[1]


@pytest.fixture
def _told(owner, teammate, by_owner):
    tell(owner.team, who=by_owner, target="nightly", key_id=owner.key.public_id)
    tell(owner.team, "member.role", who=by_owner, subject=teammate.user, before="viewer", after="member")
    tell(owner.team, "webhook.test", who=Who(key=teammate.key), target="https://one.example/hook")


@pytest.mark.usefixtures("_told")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["webhook.test", "member.role", "key.create"]),
        ({"group": "member"}, ["member.role"]),
        ({"text": "NIGHTLY"}, ["key.create"]),
        ({"text": "teammate@"}, ["member.role"]),
        ({"first": "2020-01-01", "last": "2020-01-31"}, []),
        ({"first": "2020-01-01"}, ["webhook.test", "member.role", "key.create"]),
        ({"last": "8999-12-31"}, ["webhook.test", "member.role", "key.create"]),
    ],
)
def test_filters_find_what_they_say(owner, asked, found):
    told = json.loads(export(owner, "json", **asked))["entries"]
    assert [event["action"] for event in told] == found
    assert page(owner, **asked).count('class="audit__event"') == len(found)


@pytest.mark.usefixtures("_told")
def test_a_person_and_a_key_are_filtered_by(owner, teammate):
    by_person = json.loads(export(owner, "json", person=owner.user.pk))["entries"]
    assert [event["action"] for event in by_person] == ["member.role", "key.create"]
    for key, action in ((owner.key, "key.create"), (teammate.key, "webhook.test")):
        [event] = json.loads(export(owner, "json", key=key.pk))["entries"]
        assert event["action"] == action


NONSENSE = [
    {"group": "nonsense"},
    {"first": "yesterday"},
    {"first": "0001-01-01"},
    {"last": "9999-12-31"},
    {"first": "2026-01-02", "last": "2026-01-01"},
    {"person": "9" * 5000},
    {"key": "x"},
    {"text": "\0"},
]


@pytest.mark.parametrize("asked", NONSENSE)
def test_what_makes_no_sense_narrows_nothing_and_is_said(owner, asked):
    tell(owner.team, target="nightly")
    shown = page(owner, **asked)
    assert "field__error" in shown
    assert "nightly" in shown
    assert reverse("audit_export", args=["csv"]) not in shown


@pytest.mark.parametrize("form", ["csv", "json"])
def test_filter_that_makes_no_sense_exports_nothing(owner, form):
    answer = owner.client.get(reverse("audit_export", args=[form]), {"last": "9999-12-31", "text": "a&b"})
    assert answer.status_code == 302
    assert answer["Location"] == reverse("audit") + "?last=9999-12-31&text=a%26b"


def test_people_who_left_can_still_be_asked_for_and_strangers_cannot(owner, teammate, stranger):
    tell(owner.team, who=Who(person=teammate.user), target="nightly")
    tell(owner.team, target="weekly", who=Who(person=stranger.user, by_operator=True))
    Membership.objects.filter(user=teammate.user).delete()
    [event] = json.loads(export(owner, "json", person=teammate.user.pk))["entries"]
    assert event["target"] == "nightly"
    shown = page(owner, person=stranger.user.pk)
    assert "field__error" in shown
    assert "stranger@example.com" not in shown


def test_text_is_found_whatever_the_case_of_its_letters(owner):
    tell(owner.team, target="Ночной ключ")
    for text in ("ночной", "НОЧНОЙ", "Ночной ключ", "ночной ключ"):
        assert len(json.loads(export(owner, "json", text=text))["entries"]) == 1, text


def test_days_are_whole(owner):
    tell(owner.team)
    today = timezone.now().date()
    assert "Created an API key" in page(owner, first=today.isoformat(), last=today.isoformat())
    before = (today - timedelta(days=1)).isoformat()
    assert "Nothing like that" in page(owner, last=before)


def test_pages_follow_one_another_without_a_gap(owner):
    for number in range(audit_log.PAGE + 3):
        tell(owner.team, target=f"<key-{number}>")
    first = page(owner)
    [following] = [line for line in first.splitlines() if 'rel="next"' in line]
    address = following.split('href="')[1].split('"')[0]
    second = owner.client.get(reverse("audit") + address.replace("&amp;", "&")).content.decode()
    shown = [number for number in range(audit_log.PAGE + 3) if f"&lt;key-{number}&gt;" in first]
    later = [number for number in range(audit_log.PAGE + 3) if f"&lt;key-{number}&gt;" in second]
    assert sorted(shown + later) == list(range(audit_log.PAGE + 3))
    assert later == [0, 1, 2]
    assert 'rel="next"' not in second


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "1.5"])
def test_a_position_that_is_none_is_not_found(owner, before):
    assert owner.client.get(reverse("audit"), {"before": before}).status_code == 404


def test_a_page_costs_the_same_however_long_the_log(owner):
    tell(owner.team)
    page(owner)
    counts = []
    for more in (0, 200):
        for _ in range(more):
            tell(owner.team)
        with CaptureQueriesContext(connection) as queries:
            page(owner)
        counts.append(len(queries))
        assert not [query for query in queries if "OFFSET" in query["sql"] or "COUNT(" in query["sql"]]
    assert counts[0] == counts[1]


def test_a_cell_is_no_formula_and_a_name_no_markup(owner, by_owner):
    tell(owner.team, who=by_owner, target="=HYPERLINK(1)")
    tell(owner.team, who=by_owner, target="<script>alert(1)</script>")
    rows = list(csv.DictReader(export(owner, "csv").splitlines()))
    assert rows[1]["target"] == "'=HYPERLINK(1)"
    assert "<script>alert" not in page(owner)


def test_an_export_of_another_kind_is_not_found(owner):
    assert owner.client.get(reverse("audit_export", args=["xml"])).status_code == 404


def test_the_menu_leads_to_it_for_those_who_may(owner, teammate):
    link = f'href="{reverse("audit")}"'
    assert link in owner.client.get(reverse("history")).content.decode()
    assert link not in teammate.client.get(reverse("history")).content.decode()
