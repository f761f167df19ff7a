"""The audit log: what is written down, and that it only grows."""

import importlib

import pytest
from django.db import IntegrityError, connection, models, transaction

from accounts import audit
from accounts.audit import Who
from accounts.models import AuditEvent, Team
from accounts.models.audit import OnlyGrows

triggers = importlib.import_module("accounts.migrations.0005_audit_only_grows")


@pytest.fixture
def event(owner, stranger) -> AuditEvent:
    who = Who(person=owner.user, address="203.0.113.7")
    audit.record("key.create", team=owner.team, who=who, target="nightly", subject=stranger.user, limits=3)
    return AuditEvent.objects.get()


@pytest.fixture
def _emptied_by_nobody(db):
    """The other tests' database goes without these triggers (tests/conftest.py)."""
    missing = {"sqlite": triggers.SQLITE[1], "postgresql": triggers.POSTGRESQL[2]}
    with connection.cursor() as cursor:
        cursor.execute(missing[connection.vendor])


def sql(statement: str, *values) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{statement} WHERE id > 0", values)


def test_event_holds_who_what_and_where(event, owner):
    assert (event.team, event.person, event.target) == (owner.team, owner.user, "nightly")
    assert event.address == "203.0.113.7"
    assert event.details == {"limits": 3}


def test_action_without_a_name_is_refused(owner):
    with pytest.raises(KeyError):
        audit.record("key.steal", team=owner.team, who=audit.OPERATOR)


def test_every_action_belongs_to_a_group():
    assert {action.partition(".")[0] for action in audit.ACTIONS} <= set(audit.GROUPS)


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.delete(),
        lambda event: AuditEvent.objects.filter(pk=event.pk).update(action="key.revoke"),
        lambda event: AuditEvent.objects.all().delete(),
        lambda event: event.team.audit.all().delete(),
        lambda event: AuditEvent.objects.bulk_update([event], ["action"]),
    ],
)
def test_our_own_code_cannot_change_or_delete_a_line(event, change):
    with pytest.raises(OnlyGrows):
        change(event)
    assert AuditEvent.objects.get().action == "key.create"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "key.revoke"),
        ("at", "2020-01-01 00:00:00+00:00"),
        ("by_operator", True),
        ("details", '{"limits": 4}'),
        ("target", "another"),
        ("address", "203.0.113.8"),
    ],
)
def test_the_database_refuses_to_change_a_line(event, column, value):
    with pytest.raises(IntegrityError, match="only grows"):
        sql(f"UPDATE accounts_auditevent SET {column} = %s", value)


def test_the_database_refuses_to_put_it_down_to_somebody_else(event, owner, teammate):
    for column in ("person_id", "subject_id"):
        with pytest.raises(IntegrityError, match="only grows"):
            sql(f"UPDATE accounts_auditevent SET {column} = %s", teammate.user.pk)


@pytest.mark.usefixtures("_emptied_by_nobody")
def test_the_database_refuses_to_delete_a_line(event):
    with pytest.raises(IntegrityError, match="only grows"):
        sql("DELETE FROM accounts_auditevent")
    assert AuditEvent.objects.count() == 1


@pytest.mark.usefixtures("_emptied_by_nobody")
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
def test_the_database_refuses_to_empty_the_log_at_once(event):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the commit forbids TRUNCATE, too
        with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
            cursor.execute("TRUNCATE accounts_auditevent")
    assert AuditEvent.objects.count() == 1


@pytest.mark.usefixtures("_emptied_by_nobody")
@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own statement")
def test_the_database_refuses_to_put_a_line_in_place_of_another(event):
    columns = "id, team_id, at, by_operator, target, details"
    with (
        connection.cursor() as cursor,
        pytest.raises(IntegrityError, match="only grows"),
        transaction.atomic(),
    ):
        cursor.execute(
            f"INSERT OR REPLACE INTO accounts_auditevent ({columns}, action)"
            f" SELECT {columns}, 'key.revoke' FROM accounts_auditevent"
        )
    assert AuditEvent.objects.get().action == "key.create"


@pytest.mark.parametrize(("column", "value"), [("address", None), ("target", ""), ("details", "{}")])
def test_the_database_refuses_to_erase_what_a_living_team_did(event, column, value):
    with pytest.raises(IntegrityError, match="only grows"):
        sql(f"UPDATE accounts_auditevent SET person_id = NULL, {column} = %s", value)
    event.refresh_from_db()
    assert (event.address, event.target, event.details) == ("203.0.113.7", "nightly", {"limits": 3})


def test_what_names_a_person_can_be_erased(event, owner):
    sql("UPDATE accounts_auditevent SET person_id = NULL, subject_id = NULL")
    audit.record("team.delete", team=owner.team, who=audit.Who())
    sql("UPDATE accounts_auditevent SET address = NULL, target = '', details = '{}'")
    event.refresh_from_db()
    assert (event.person, event.subject, event.address, event.target) == (None, None, None, "")
    assert (event.action, event.details) == ("key.create", {})


def test_an_account_that_goes_leaves_its_lines(event, owner):
    owner.user.delete()
    event.refresh_from_db()
    assert event.person is None
    assert event.action == "key.create"


def test_triggers_that_are_gone_already_are_no_obstacle_to_going_back(event):
    with connection.cursor() as cursor:
        for statement in triggers.BACK[connection.vendor] * 2:
            cursor.execute(statement)
    sql("UPDATE accounts_auditevent SET target = %s", "without them")
    event.refresh_from_db()
    assert event.target == "without them"


@pytest.mark.django_db(transaction=True)
def test_a_migration_of_the_teams_goes_by_the_triggers():
    """SQLite makes the table anew, which fails where a trigger of another table reads it."""
    before, after = Team._meta.get_field("name"), models.CharField(max_length=120)
    after.set_attributes_from_name("name")
    with connection.schema_editor() as editor:
        editor.alter_field(Team, before, after)
    try:
        assert Team.objects.create(name="x" * 110, webhook_secret_sealed="").pk
    finally:
        Team.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.alter_field(Team, after, before)
