"""A team's signing secrets: one that signs, and for a while after a rotation the one before it, too."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts import access, audit
from accounts.access import Actor
from accounts.models import Team
from accounts.teams import new_webhook_secret, webhook_secret
from jobs.models import RetiredSecret
from lipsyncweb.secretbox import seal, unseal

# How long the old secret goes on signing beside the new one; the person who rotates chooses.
OVERLAPS = {
    "none": timedelta(),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "three_days": timedelta(days=3),
    "week": timedelta(days=7),
}
# A retired secret is kept a while longer, for the page that says why a signature fails.
RECOGNISED_FOR = timedelta(days=30)
RECOGNISED = 5


class OverlapRuns(Exception):
    """A rotation while the last one's overlap runs would make three signatures."""


@dataclass(frozen=True)
class Known:
    """A secret that this team has or had. `retired` None: the one that signs now."""

    secret: str
    retired: RetiredSecret | None

    @property
    def signs(self) -> bool:
        return self.retired is None or self.retired.signs_until > timezone.now()


def signing_secrets(team: Team) -> list[str]:
    """What signs a message now, the newest first. Raises ValueError when ENCRYPTION_KEYS reads it no more."""
    running = overlap(team)
    secrets = [webhook_secret(team)]
    if running:
        with contextlib.suppress(ValueError):  # the new one alone is better than nothing
            secrets.append(unseal(running.sealed))
    return secrets


def overlap(team: Team) -> RetiredSecret | None:
    """The old secret while it still signs."""
    return RetiredSecret.objects.filter(team=team, signs_until__gt=timezone.now()).first()


def known(team: Team) -> Iterator[Known]:
    """The secrets that can be recognised, the newest first; one that cannot be read is left out."""
    sealed = [(team.webhook_secret_sealed, None)]
    sealed += [(each.sealed, each) for each in RetiredSecret.objects.filter(team=team)[:RECOGNISED]]
    for text, retired in sealed:
        try:
            yield Known(unseal(text), retired)
        except ValueError:
            continue


def reveal(team: Team, *, actor: Actor | None, who: audit.Who) -> str:
    """The secret itself, for whoever sets up a receiver. Raises PermissionDenied, and ValueError as above."""
    access.require(actor, "webhooks.manage", team)
    secret = webhook_secret(team)
    audit.record("webhook.reveal", team=team, who=who)
    return secret


def rotate(team: Team, *, actor: Actor | None, keep_for: timedelta, who: audit.Who) -> bool:
    """Make a new secret; the old one signs beside it for `keep_for`. False: somebody else just did.

    Raises OverlapRuns and PermissionDenied.
    """
    access.require(actor, "webhooks.manage", team)
    old, now = team.webhook_secret_sealed, timezone.now()
    with transaction.atomic():
        unchanged = Team.objects.filter(pk=team.pk, webhook_secret_sealed=old)
        if not unchanged.update(webhook_secret_sealed=seal(new_webhook_secret())):
            return False
        # After the guard: who lost a race is told so, and not of the winner's overlap.
        if overlap(team):
            raise OverlapRuns
        RetiredSecret.objects.create(team=team, sealed=old, retired_at=now, signs_until=now + keep_for)
        kept = round(keep_for.total_seconds())
        audit.record("webhook.rotate", team=team, who=who, old_signs_for_seconds=kept)
    team.refresh_from_db(fields=["webhook_secret_sealed"])
    return True


def end_overlap(team: Team, *, actor: Actor | None, who: audit.Who) -> bool:
    """Let the old secret sign no more, from now on. False: it did not."""
    access.require(actor, "webhooks.manage", team)
    now = timezone.now()
    with transaction.atomic():
        ended = RetiredSecret.objects.filter(team=team, signs_until__gt=now).update(signs_until=now)
        if ended:
            audit.record("webhook.end_overlap", team=team, who=who)
    return bool(ended)


def forget_old(now: datetime) -> None:
    RetiredSecret.objects.filter(signs_until__lt=now - RECOGNISED_FOR).delete()
