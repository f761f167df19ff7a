"""The whole ledger: sentences, filters, pages and files."""

import csv
import io
import json
import re
import uuid
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import audit, keys, ledger
from accounts.ledger import statement
from accounts.models import ApiKey, Entry, Membership, Team, User
from accounts.views.ledger_words import sentence
from jobs import lifecycle
from tests.conftest import character
from tests.jobs.making import claim, make_job, result


def grant(character, amount, note="", kind="api", at=None):
    reference = ledger.new_reference("operator")
    ledger.grant(team=character.team, kind=kind, amount=amount, reference=reference, note=note)
    if at:
        Entry.objects.filter(reference=reference).update(created_at=at)
    return Entry.objects.get(reference=reference)


def amounts(character, **query):
    """The `available` column of a page of the ledger."""
    answer = character.client.get(reverse("ledger"), query)
    assert answer.status_code == 200
    return [
        int(found.replace("−", "-").replace(",", ""))
        for found in re.findall(r"ledger__amount[^>]*>([^<]+)</td>", answer.content.decode())
    ]


def export(character, form="csv", **query):
    answer = character.client.get(reverse("ledger_export", args=[form]), query)
    assert answer.status_code == 200
    return answer, b"".join(answer.streaming_content).decode()


def rows(character, **query):
    return list(csv.DictReader(io.StringIO(export(character, **query)[1])))


# --- what a line says ---------------------------------------------------------------------------
def test_job_reads_as_reserved_and_then_charged(owner):
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    told = [sentence(entry) for entry in Entry.objects.filter(job_id=job.pk).order_by("pk")]
    assert told == ["Reserved 10 for lipsync-image", "Charged 10 for lipsync-image"]
    page = owner.client.get(reverse("ledger")).content.decode()
    assert page.count(reverse("job", args=[job.pk])) == 2
    assert page.count(f'?key={owner.key.pk}">{owner.key}'.replace("'", "&#x27;")) == 2


def test_canceled_job_reads_as_given_back(owner):
    job = make_job(owner, by="person")
    lifecycle.cancel(job.pk, reason="x")
    assert sentence(Entry.objects.get(job_id=job.pk, kind="give_back")) == "Given back 10"
    assert (
        f'?person={owner.user.pk}">owner@example.com' in owner.client.get(reverse("ledger")).content.decode()
    )


def test_second_step_says_that_it_is_more_or_less(owner):
    job = uuid.uuid4()
    asked = {"team": owner.team, "kind": "api", "source": ledger.Source(job_id=job, model="lipsync-image")}
    ledger.reserve(amount=10, reference=f"job:{job}:minimum", **asked)
    ledger.reserve(amount=30, reference=f"job:{job}:exact:1", **asked)
    ledger.give_back(amount=5, reference=f"job:{job}:exact:2", **asked)
    told = [sentence(entry) for entry in Entry.objects.filter(job_id=job).order_by("pk")]
    assert told[1:] == [
        "Reserved 30 more: the exact price is known",
        "Given back 5: the exact price is lower",
    ]


def test_each_kind_of_line_is_a_sentence(owner):
    grant(owner, 1234)
    ledger.adjust(
        team=owner.team, kind="api", change_by=-34, note="x", reference=ledger.new_reference("operator")
    )
    assert [sentence(entry) for entry in ledger.entries(owner.team)[:2]] == [
        "Correction: −34",
        "Granted 1,234",
    ]


def test_what_a_dispute_took_reads_as_taken_back_also_where_nothing_was_there(owner):
    asked = {"team": owner.team, "kind": "api", "note": "The payment was disputed"}
    ledger.refund(amount=1000, reference="refund:1", **asked)
    ledger.refund(amount=500, reference="dispute:1", **asked)
    assert [sentence(entry) for entry in ledger.entries(owner.team)[:2]] == [
        "Taken back 0",
        "Taken back 1,000",
    ]


def test_notes_of_the_site_are_told_in_the_readers_language_and_others_as_they_are(owner):
    grant(owner, 5, note="For <Ann> & co")
    page = owner.client.get(reverse("ledger"), headers={"accept-language": "ru"}).content.decode()
    assert "Стартовые кредиты" in page
    assert "For &lt;Ann&gt; &amp; co" in page


# --- filters and pages --------------------------------------------------------------------------
def test_lines_are_filtered_by_each_field(owner, teammate):
    other, _secret = keys.issue(
        team=owner.team, created_by=owner.user, name="other", actor=None, who=audit.UNRECORDED
    )
    job = uuid.uuid4()
    asked = {"team": owner.team, "kind": "api", "reference": f"job:{job}:minimum"}
    ledger.reserve(amount=3, source=ledger.Source(job_id=job, key=other), **asked)
    asked = {"team": owner.team, "kind": "user", "reference": ledger.new_reference("test")}
    ledger.reserve(amount=4, source=ledger.Source(person=teammate.user), **asked)
    grant(owner, 6, at=datetime(2026, 3, 9, 23, 59, tzinfo=UTC))
    assert amounts(owner) == [-4, -3, 1000, 1000, 6]
    assert amounts(owner, purse="user") == [-4, 1000]
    assert amounts(owner, kind="reserve") == [-4, -3]
    assert amounts(owner, key=other.pk) == [-3]
    assert amounts(owner, person=teammate.user.pk) == [-4]
    assert amounts(owner, job=str(job)) == [-3]
    assert amounts(owner, last="2026-03-09") == [6]
    assert amounts(owner, first="2026-03-09", last="2026-03-09", kind="grant") == [6]
    assert amounts(owner, first="2026-03-10", kind="grant") == [1000, 1000]
    assert amounts(owner, kind="refund") == []


def test_what_makes_no_sense_narrows_nothing_and_is_said(owner, stranger):
    for query in (
        {"kind": "x"},
        {"key": stranger.key.pk},
        {"key": "9" * 30},
        {"person": stranger.user.pk},
        {"job": "x"},
        {"first": "0001-01-01"},
        {"last": "yesterday"},
        {"first": "2026-01-02", "last": "2026-01-01"},
    ):
        answer = owner.client.get(reverse("ledger"), query)
        assert "field__error" in answer.content.decode(), query
        # A browser would keep the refusal's page as the file.
        assert "ledger.csv" not in answer.content.decode(), query


def test_lines_of_another_team_are_not_shown(owner, stranger):
    entry = grant(stranger, 77)
    assert 77 not in amounts(owner)
    assert amounts(owner, before=entry.pk) == [1000, 1000]


def test_people_who_left_can_still_be_asked_for(owner, teammate):
    make_job(owner)
    make_job(teammate, by="person")
    Membership.objects.filter(user=teammate.user).delete()
    assert amounts(owner, person=teammate.user.pk) == [-10]


def test_deleted_account_leaves_its_lines_without_a_name(owner, teammate):
    make_job(teammate, by="person")
    Entry.objects.filter(person=teammate.user).update(person=None)
    page = owner.client.get(reverse("ledger")).content.decode()
    assert "Somebody who deleted their account" in page
    assert "teammate" not in page.split("<table", 1)[1]


@pytest.mark.parametrize(
    "wanted", [statement.ALL, statement.Wanted(kind="grant"), statement.Wanted(purse="user")]
)
def test_pages_have_every_line_once_also_of_one_moment(owner, wanted):
    moment = timezone.now()
    for number in range(1, 14):
        grant(owner, number, kind="api" if number % 3 else "user", at=moment if number > 4 else None)
    seen, before = [], ""
    while True:
        page = statement.page(owner.team, wanted, before=before, limit=4)
        seen += page.entries
        if not page.before:
            break
        before = page.before
    assert seen == list(statement.lines(owner.team, wanted))
    assert len(seen) == len({entry.pk for entry in seen}) == (5 if wanted.purse else 15)
    assert seen == sorted(seen, key=lambda entry: (entry.created_at, entry.pk), reverse=True)


def test_older_lines_are_a_link_away_and_keep_the_filter(owner):
    for _number in range(55):
        grant(owner, 1)
    page = owner.client.get(reverse("ledger"), {"kind": "grant"}).content.decode()
    address = re.search(r'rel="next" href="([^"]+)"', page)[1].replace("&amp;", "&")
    assert "kind=grant" in address
    older = owner.client.get(reverse("ledger") + address).content.decode()
    assert older.count("<tr>") == 1 + 7  # the heading, and 57 lines less 50
    assert 'rel="next"' not in older


def test_page_is_as_many_statements_however_many_lines(owner, django_assert_max_num_queries):
    for _number in range(60):
        grant(owner, 1)
    with django_assert_max_num_queries(14):
        amounts(owner)


# --- files --------------------------------------------------------------------------------------
def test_csv_has_stable_columns_and_every_line(owner):
    job = make_job(owner)
    answer, text = export(owner)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert text.splitlines()[0] == (
        "id,time,purse,kind,available_change,reserved_change,model,job,key_id,key_name,person,note,expires_at,reference"
    )
    first = rows(owner)[0]
    assert (first["kind"], first["available_change"], first["reserved_change"]) == ("reserve", "-10", "10")
    assert (first["job"], first["key_id"], first["model"]) == (
        str(job.pk),
        owner.key.public_id,
        "lipsync-image",
    )
    assert len(rows(owner)) == 3


def test_columns_are_english_whatever_the_page_is(owner):
    address = reverse("ledger_export", args=["csv"])
    answer = owner.client.get(address, headers={"accept-language": "ru"})
    assert b"".join(answer.streaming_content).decode().startswith("id,time,purse,kind,")


def test_json_has_the_same_with_numbers_as_numbers(owner):
    grant(owner, 5, note="=1+1 «ё»\u2028")
    answer, text = export(owner, "json")
    document = json.loads(text)
    assert answer["Content-Type"] == "application/json"
    assert (document["team"], len(document["entries"])) == (owner.team.name, 3)
    assert document["entries"][0]["note"] == "=1+1 «ё»\u2028"
    assert document["entries"][0]["available_change"] == 5


def test_json_of_nothing_is_json(owner):
    assert json.loads(export(owner, "json", kind="refund")[1])["entries"] == []


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", " =1", "＝1", '=HYPERLINK("http://x";"y")'],
)
def test_text_that_a_spreadsheet_would_run_is_prefixed(owner, text):
    grant(owner, 5, note=text)
    assert rows(owner)[0]["note"] == f"'{text}"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x;=1+1;@SUM(1)", "x;'=1+1;'@SUM(1)"),
        ("x\t=1", "x\t'=1"),
        ("\t=1", "'\t'=1"),
        ('x; "=1"', 'x;\' "=1"'),
        ("for May; paid-up", "for May; paid-up"),
        ("a=b", "a=b"),
    ],
)
def test_formula_behind_what_excel_may_split_at_is_prefixed(owner, text, kept):
    grant(owner, 5, note=text)
    assert rows(owner)[0]["note"] == kept


def test_key_name_and_person_are_prefixed_and_negative_amounts_are_not(owner):
    User.objects.filter(pk=owner.user.pk).update(email="=cmd@example.com")
    ApiKey.objects.filter(pk=owner.key.pk).update(name="@x")
    make_job(owner)
    make_job(owner, by="person")
    by_person, by_key = rows(owner)[:2]
    assert (by_person["person"], by_key["key_name"]) == ("'=cmd@example.com", "'@x")
    assert by_key["available_change"] == "-10"


def test_file_has_what_the_filter_asks_for(owner):
    grant(owner, 6, at=datetime(2026, 3, 9, 12, tzinfo=UTC))
    answer, _text = export(owner, first="2026-03-01", last="2026-03-31")
    assert (
        'filename="lipsyncweb-credits-owners-team-2026-03-01-2026-03-31.csv"' in answer["Content-Disposition"]
    )
    assert [row["available_change"] for row in rows(owner, first="2026-03-01", last="2026-03-31")] == ["6"]


def test_file_name_is_plain_whatever_the_teams(owner):
    Team.objects.filter(pk=owner.team.pk).update(name="Студия")
    name = export(owner)[0]["Content-Disposition"]
    assert re.fullmatch(rf'attachment; filename="lipsyncweb-credits-team-{owner.team.pk}-[\d-]+\.csv"', name)


def test_filter_that_makes_no_sense_gives_no_file(owner):
    answer = owner.client.get(reverse("ledger_export", args=["csv"]), {"first": "x"})
    assert (answer.status_code, answer["Location"]) == (302, reverse("ledger") + "?first=x")


def test_other_formats_are_not_found(owner):
    assert owner.client.get(reverse("ledger_export", args=["xlsx"])).status_code == 404


def test_viewer_may_read_and_export(owner):
    viewer = character("viewer@example.com", team=owner.team, role="viewer")
    assert amounts(viewer) == [1000, 1000]
    assert len(rows(viewer)) == 2


def test_long_ledger_is_read_in_chunks(owner):
    for number in range(1, 11):
        grant(owner, number, kind="api" if number % 2 else "user")
    in_chunks = list(statement.lines(owner.team, chunk=3))
    assert [entry.available_change for entry in in_chunks[:10]] == list(range(10, 0, -1))
    assert len(in_chunks) == 12
