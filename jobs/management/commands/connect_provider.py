"""`manage.py connect_provider`: make or change a site-wide connection to another server."""

import getpass
import os
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from jobs import catalog, connections
from jobs.catalog.pricing import CREDITS_A_SECOND
from jobs.models import Connection


class Command(BaseCommand):
    help = (
        "Connect another server that speaks the same API, for every team of this site, or change such a connection. "
        "The key is read from the environment or from the standard input, never from the command line. What is not "
        "given stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the form and the API call it")
        parser.add_argument("--url", help="the server's address without /api/v1; needed for a new connection")
        parser.add_argument(
            "--key-env",
            metavar="VAR",
            help="the variable that holds the key; without it, standard input is read",
        )
        parser.add_argument(
            "--secret-env", metavar="VAR", help="the variable that holds signing secrets, separated by spaces"
        )
        parser.add_argument(
            "--callback-base", help="where that server reaches this site; empty for no webhooks"
        )
        parser.add_argument("--concurrency", type=int, help="jobs at once")
        parser.add_argument("--preference", type=int, help="the smallest is taken first")
        parser.add_argument("--models", nargs="*", choices=sorted(catalog.MODELS), help="none: all")
        parser.add_argument("--resolutions", nargs="*", choices=sorted(CREDITS_A_SECOND), help="none: all")
        parser.add_argument(
            "--no-idempotency", action="store_true", help="that server does not honour Idempotency-Key"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = Connection.objects.filter(team=None, name=options["name"]).first()
        if found is None and not options["url"]:
            raise CommandError("A new connection needs --url.")
        connection = found or Connection(name=options["name"], callback_base=connections.default_callback())
        _change(connection, options)
        try:
            # The addresses are judged by the service, which knows names in the same rack.
            connection.full_clean(exclude=["base_url", "callback_base", "key_sealed"], validate_unique=False)
            connections.save(
                connection, key=_key(options), secrets=_secrets(options), actor=None, who=audit.OPERATOR
            )
        except ValidationError as error:
            told = [f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
            raise CommandError(" ".join(told)) from error
        except connections.NotUsable as error:
            raise CommandError(f"{error.sentence} ({error.field}, {error.code})") from error
        self.stdout.write(
            f"{'Changed' if found else 'Made'} the connection {connection}: it answers and knows the key."
        )


def _change(connection: Connection, options: dict[str, Any]) -> None:
    given = {
        "base_url": options["url"],
        "callback_base": options["callback_base"],
        "concurrency": options["concurrency"],
        "preference": options["preference"],
        "only_models": options["models"],
        "only_resolutions": options["resolutions"],
        "idempotent": False if options["no_idempotency"] else None,
    }
    for name, value in given.items():
        if value is not None:
            setattr(connection, name, value)


def _key(options: dict[str, Any]) -> str:
    """The key; "" keeps the one that is there."""
    if options["key_env"]:
        return _variable(options["key_env"])
    return (getpass.getpass("Key: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()


def _secrets(options: dict[str, Any]) -> list[str] | None:
    return _variable(options["secret_env"]).replace(",", " ").split() if options["secret_env"] else None


def _variable(name: str) -> str:
    try:
        return os.environ[name].strip()
    except KeyError:
        raise CommandError(f"The variable {name} is not set.") from None
