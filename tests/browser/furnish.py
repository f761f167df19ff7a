"""Rows for a running site: a team with one of everything, and people who are signed in.

Runs inside the site (`manage.py shell`), beside its workers, and prints what tests/browser/places.py reads.
"""

import json
import sys
import time
from datetime import timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from accounts import audit, keys
from accounts.models import Role
from accounts.teams import invitations
from jobs import catalog, lifecycle
from jobs.models import Job, State
from tests.conftest import Character, character
from tests.jobs.making import make_job
from tests.views.test_every_route import World
from tests.views.test_every_route import furnish as one_of_everything

PATIENCE = 90  # seconds, for the one video that is really made
A_DAY = timedelta(days=1)


def main() -> None:
    owner = character("ada@example.com")
    owner.user.name = "Ada Lovelace"
    owner.user.save(update_fields=["name"])
    video = _make_a_video(owner)
    with transaction.atomic():  # the workers see nothing of it before it is whole
        world = one_of_everything(owner, character("stranger@example.com"))
        jobs = {"completed": video} | _jobs_in_every_state(owner, video)
        told = _tell(world, {name: str(job.pk) for name, job in jobs.items()})
    sys.stdout.write(json.dumps(told, default=str) + "\n")


def _make_a_video(owner: Character) -> Job:
    samples = f"{settings.SITE_URL}/samples"
    job = make_job(owner, by="person", image=f"{samples}/portrait.png", audio=f"{samples}/speech.wav")
    deadline = time.monotonic() + PATIENCE
    while job.state != State.COMPLETED:
        assert time.monotonic() < deadline, (job.state, job.error)
        assert job.is_active, job.error
        time.sleep(0.2)
        job.refresh_from_db()
    return job


def _jobs_in_every_state(owner: Character, video: Job) -> dict[str, Job]:
    """By state. The workers can go on with none of them."""
    failed, running, canceled = make_job(owner), make_job(owner, by="person"), make_job(owner)
    lifecycle.fail(failed.pk, code="no_face", sentence="image: There is no face in the picture.")
    lifecycle.cancel(canceled.pk)
    Job.objects.filter(pk=running.pk).update(ready=False)
    while (held := lifecycle.claim_to_fetch()) and held.job_id != running.pk:
        pass  # the world's own, which stand before it
    soon = timezone.now() + A_DAY
    Job.objects.filter(team=owner.team, state=State.RUNNING).update(
        lease_until=soon, stage="compose", progress=62
    )
    queued = make_job(owner, by="person")
    Job.objects.filter(team=owner.team, state=State.QUEUED).update(not_before=soon)
    return {
        "failed": failed,
        "running": running,
        "canceled": canceled,
        "queued": queued,
        "expired": _without_its_file(video),
    }


def _without_its_file(video: Job) -> Job:
    values = {field.attname: getattr(video, field.attname) for field in Job._meta.fields}
    gone = {"id": None, "output_file": "", "poster_file": "", "expires_at": timezone.now()}
    del values["id"], gone["id"]
    return Job.objects.create(**{**values, **gone})


def _tell(world: World, jobs: dict[str, str]) -> dict[str, Any]:
    owner = world.people["owner"]
    careful = character("grace@example.com", team=owner.team, role=Role.ADMIN)
    passkey = _protect(careful)
    former = character("former@example.com", team=owner.team, role=Role.MEMBER)
    keys.revoke(key=former.key, actor=owner.membership, who=audit.UNRECORDED)
    _, token = invitations.invite(actor=owner.membership, role=Role.MEMBER, who=audit.UNRECORDED)
    people = {
        "owner": owner,
        "careful": careful,
        "viewer": world.people["viewer"],
        "newcomer": character("newcomer@example.com"),
    }
    reset = {
        "uidb36": user_pk_to_url_str(careful.user),
        "key": default_token_generator.make_token(careful.user),
    }
    return {
        "named": {**world.named, "job_id": jobs["completed"], "token": token, **reset},
        "keyed": {**world.keyed, "mfa": passkey},
        "jobs": jobs,
        "models": list(catalog.MODELS),
        "revoked": reverse("key", args=[former.key.pk]),
        "people": {name: _session(person) for name, person in people.items()},
        "cookie": settings.SESSION_COOKIE_NAME,
    }


def _protect(person: Character) -> int:
    """An authenticator app, recovery codes and a passkey; returns the passkey's id."""
    EmailAddress.objects.create(user=person.user, email=person.user.email, verified=True, primary=True)
    TOTP.activate(person.user, generate_totp_secret())
    RecoveryCodes.activate(person.user)
    return WebAuthn.add(person.user, "Laptop", _passkey()).instance.pk


def _passkey() -> dict[str, Any]:
    """What a browser answers when a passkey is made, of a key that nobody holds."""
    made = AttestedCredentialData.create(
        b"\0" * 16, b"passkey", ES256({1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32})
    )
    data = AuthenticatorData.create(
        b"\0" * 32, AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT, 0, made
    )
    asked = CollectedClientData.create("webauthn.create", b"\0" * 32, settings.SITE_URL)
    return {
        "id": websafe_encode(b"passkey"),
        "rawId": websafe_encode(b"passkey"),
        "type": "public-key",
        "response": {
            "clientDataJSON": websafe_encode(bytes(asked)),
            "attestationObject": websafe_encode(bytes(AttestationObject.create("none", data, {}))),
        },
        "clientExtensionResults": {"credProps": {"rk": True}},
    }


def _session(person: Character) -> str:
    """The cookie of a browser that has just signed in by password, and will not be asked for it again."""
    session = person.client.session
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time() + A_DAY.total_seconds(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(person.user.pk)
    session.save()
    return str(session.session_key)
