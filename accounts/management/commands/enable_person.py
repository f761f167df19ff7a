"""`manage.py enable_person`: let somebody in again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import operators
from accounts.teams import Refused


class Command(BaseCommand):
    help = "Let a person sign in again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = operators.find_person(options["email"])
            changed = operators.enable_person(found)
        except (LookupError, Refused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{found} can sign in again." if changed else f"{found} could sign in already; nothing changed."
        )
