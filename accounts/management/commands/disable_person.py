"""`manage.py disable_person`: shut somebody out."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import operators
from accounts.teams import Refused


class Command(BaseCommand):
    help = "Let a person in no more and end their sessions at once. Their teams and API keys go on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = operators.find_person(options["email"])
            changed = operators.disable_person(found)
        except (LookupError, Refused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{found} is switched off: every session has ended. The API keys that they made are their teams' and go on."
            if changed
            else f"{found} was switched off already; nothing changed."
        )
