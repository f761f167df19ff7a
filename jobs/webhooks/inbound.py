"""Webhooks in: the view that another server calls when a job there has ended.

The address holds a token that only that server was told, one for each job. A signed call is believed; an unsigned
one is a reason to ask. Whatever comes, and however often, ends in the same idempotent finish.
"""

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from standardwebhooks import Webhook, WebhookVerificationError

from accounts import doors
from jobs import lifecycle, outbox, remote
from jobs.api.errors import answer, answer_status
from jobs.models import InboundWebhook, Job
from jobs.providers.remote import ENDED, parse
from lipsyncweb.http import bodies

log = logging.getLogger(__name__)

LONGEST_BODY = 65536
KEPT_AT_MOST = 50  # calls for one job
TOKEN = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,200}")


@doors.public  # the token is the secret
@csrf_exempt
def provider_webhook(request: HttpRequest, token: str) -> JsonResponse:
    """POST: 200 for a signed call, 202 for an unsigned one, 401 for a signature that does not fit, 404 else."""
    if request.method != "POST":
        return answer_status(405, headers={"Allow": "POST"})
    known = Job.objects.select_related("connection")
    job = known.filter(callback_token=token).first() if TOKEN.fullmatch(token) else None
    if job is None or job.connection is None:
        return answer_status(404)
    try:
        body = bodies.read(request, at_most=LONGEST_BODY)
    except bodies.NoLength:
        return answer_status(400)
    if body is None:
        return answer_status(413)
    try:
        secrets = job.connection.secrets
    except ValueError:
        log.exception("The signing secrets of connection %s cannot be read", job.connection)
        return answer(503, "not_ready", _("Signatures cannot be checked right now; please call again later."))
    if secrets and not verified(secrets, body, request.headers):
        return answer(401, "bad_signature", _("The signature is missing, old or does not fit this body."))
    _keep(job, body, request.headers.get("webhook-id", "") if secrets else "", verified=bool(secrets))
    if secrets:
        # A repeat, too: whoever kept the first may have died before believing it.
        _believe(job, body)
        return JsonResponse({"received": True})
    remote.question_soon(job)
    return JsonResponse({"received": True}, status=202)


def verified(secrets: Sequence[str], body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether one of the secrets signed this body, within the five minutes of the specification."""
    return any(_verifies(secret, body, headers) for secret in secrets)


def _verifies(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    except (WebhookVerificationError, ValueError, OverflowError, RecursionError):
        # What the library lets through on garbage: base64, UTF-8, time and JSON errors.
        return False
    return True


def _keep(job: Job, body: bytes, message_id: str, *, verified: bool) -> None:
    """Keep the call as it came, once, and no more of them than anybody will read."""
    if not job.is_active or job.inbound.count() >= KEPT_AT_MOST:
        return
    if not MESSAGE_ID.fullmatch(message_id):
        message_id = "sha256:" + hashlib.sha256(body).hexdigest()
    try:
        with transaction.atomic():
            InboundWebhook.objects.create(job=job, message_id=message_id, verified=verified, body=body)
    except IntegrityError:
        log.info("A repeat of %s for job %s", message_id, job.pk)


def _believe(job: Job, body: bytes) -> None:
    document: dict[str, Any] | None = parse(body)
    if document and document["status"] in ENDED and lifecycle.note_remote_end(job.pk, document):
        lifecycle.adopt(job.pk)  # when its submit was not heard, the job is still in line
        outbox.nudge_collect()
