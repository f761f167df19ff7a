"""Views that send the product's queries and its bytes, and do nothing besides: what a hand-written Django view costs.

No limit, no check of the key's shape, of a body or of a value, no ETag that was not asked for, no nudge to a worker.
"""

import hashlib
import json
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import Case, Exists, F, Q, Value, When
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.models import ApiKey, Entry, Purse
from jobs import line
from jobs.api.auth import FOR_A_SUBMIT
from jobs.models import Job, JobEvent, Outbox
from jobs.wire import job_document, submitted_document


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"")


def _key(request: HttpRequest) -> ApiKey:
    token = request.headers["Authorization"].removeprefix("Bearer ")
    keys = ApiKey.objects.select_related("team")
    if request.method == "POST":
        keys = keys.annotate(**FOR_A_SUBMIT)
    return keys.get(public_id=token.split("_")[1], digest=hashlib.sha256(token.encode()).hexdigest())


def job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    found = line.with_ahead(Job.objects.filter(team=_key(request).team, is_test=False)).get(pk=job_id)
    response: HttpResponse = JsonResponse(job_document(found))
    if "If-None-Match" in request.headers:
        etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        if request.headers["If-None-Match"] == etag:
            response = HttpResponse(status=304)
    return response


@csrf_exempt
def submit(request: HttpRequest) -> HttpResponse:
    key = _key(request)
    body = json.loads(request.body)
    new = Job(
        team=key.team,
        key=key,
        purse="api",
        model="lipsync-image",
        form_state={
            "version": 1,
            "model": "lipsync-image",
            "values": body["formState"],
            "label": "face-voice",
        },
        fingerprint="0" * 64,
        webhook=body["webhook"],
        seed=1,
        reserved=20,
        deadline=timezone.now() + timedelta(hours=6),
    )
    new.turn = line.turn_of(new)
    with transaction.atomic():
        purse = Purse.objects.filter(team=key.team, kind="api")
        month = timezone.now().date().replace(day=1)
        spent = Case(When(month__gte=month, then=F("month_spent")), default=0) + 20
        in_use = ApiKey.objects.filter(pk=key.pk, revoked_at=None, team__disabled_at=None)
        room = Q(monthly_cap=None) | Q(monthly_cap__gte=spent)
        open_purse = purse.filter(Exists(in_use))
        open_purse.filter(room, available__gte=20, reserved__gte=-20).update(
            available=F("available") - 20,
            reserved=F("reserved") + 20,
            month=Case(When(month__gte=month, then=F("month")), default=Value(month)),
            month_spent=spent,
        )
        Entry(
            purse_id=open_purse.values("pk"),
            kind="reserve",
            available_change=-20,
            reserved_change=20,
            reference=f"job:{new.pk}:minimum",
            job_id=new.pk,
            key=key,
        ).save(force_insert=True)
        new.save(force_insert=True)
        JobEvent.objects.create(job=new, verb="submit", old="", new="queued", attempt=0)
        Outbox.objects.bulk_create(
            [Outbox(job=new, due_at=timezone.now())],
            update_conflicts=True,
            unique_fields=["job"],
            update_fields=["due_at"],
        )
    return JsonResponse(submitted_document(new))
