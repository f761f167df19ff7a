"""A site of its own that is brought from the migrations before credits were sold to today's; prints what it holds.

Run by test_ledger_migration.py in a process of its own: the tests' database stays as it is.
"""

import json
import uuid

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402

from accounts.models import Entry, Purse  # noqa: E402

BEFORE = [("accounts", "0002_test_keys_and_line"), ("jobs", "0009_warned_teams")]


def write(apps, purse, entry, change, reference):
    apps.get_model("accounts", "Entry").objects.create(
        purse=purse, kind=entry, available_change=change[0], reserved_change=change[1], reference=reference
    )
    purse.available += change[0]
    purse.reserved += change[1]
    purse.save()


def fill(apps):
    for number in (1, 2):
        team = apps.get_model("accounts", "Team").objects.create(pk=number, name=str(number))
        purses = apps.get_model("accounts", "Purse").objects
        api, user = (purses.create(team=team, kind=kind) for kind in ("api", "user"))
        write(apps, api, "grant", (50, 0), "order 1")
        write(apps, user, "grant", (60, 0), "order 1")
        write(apps, api, "grant", (7, 0), f"start:{number}:api")
        write(apps, api, "grant", (5, 0), f"operator:{uuid.UUID(int=number)}")
        write(apps, api, "reserve", (-20, 20), "test")
    write(apps, api, "give_back", (5, -5), "test")


def main():
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    fill(executor.loader.project_state(BEFORE).apps)
    call_command("migrate", verbosity=0)
    call_command("grant_credits", "1", "api", "50", "--reference", "order 1")
    call_command("grant_credits", "2", "user", "9", "--reference", "order 2")
    found = {
        "references": list(Entry.objects.order_by("pk").values_list("kind", "reference")),
        "months": list(Purse.objects.order_by("pk").values_list("available", "reserved", "month_spent")),
    }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
