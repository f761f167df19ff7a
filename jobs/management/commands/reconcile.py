"""`manage.py reconcile`: prove that the credits add up."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jobs import reconciliation


class Command(BaseCommand):
    help = (
        "Check every balance against its ledger and every job against its charges; exits 1 when one is off."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = reconciliation.findings()
        for sentence in found:
            self.stderr.write(sentence)
        if found:
            raise CommandError(f"{len(found)} things do not add up.")
        self.stdout.write("Every balance equals its ledger, and every job its charges.")
