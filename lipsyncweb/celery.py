"""The Celery app, its two queues and its schedule.

A message is only a nudge: the rows are the truth, and the sweeper sends again what was lost.
"""

import io
import os
import sys
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from lipsyncweb import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lipsyncweb.settings")
broker.register()


def transport_options() -> dict[str, Any]:
    """A publisher asks a broker that is down once and goes on: the sweeper sends again."""
    once = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    if settings.BROKER_URL.startswith("lipsyncfs:"):
        return {**once, **broker.options(settings.BROKER_DIR)}
    if settings.BROKER_URL.startswith("redis"):
        return {**once, "socket_connect_timeout": 1, "socket_timeout": 5}
    return once


app = Celery("lipsyncweb")
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_transport_options=transport_options(),
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=1,
    task_ignore_result=True,
    task_acks_late=False,
    task_publish_retry=False,
    task_default_queue="light",
    task_routes={"jobs.tasks.run_next": {"queue": "render"}},
    task_time_limit=None,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    timezone="UTC",
    beat_schedule={
        "sweep": {
            "task": "jobs.tasks.sweep",
            "schedule": float(settings.SWEEP_SECONDS),
            "options": {"expires": settings.SWEEP_SECONDS},
        },
        "resend": {
            "task": "jobs.tasks.resend",
            "schedule": float(settings.SWEEP_SECONDS),
            "options": {"expires": settings.SWEEP_SECONDS},
        },
        "deliver-due": {"task": "jobs.tasks.deliver_due", "schedule": 5.0, "options": {"expires": 5}},
        "warn-teams": {"task": "jobs.tasks.warn_teams", "schedule": 60.0, "options": {"expires": 60}},
        "warn-of-low-purses": {
            "task": "jobs.tasks.warn_of_low_purses",
            "schedule": 60.0,
            "options": {"expires": 60},
        },
        "poll-providers": {"task": "jobs.tasks.poll_providers", "schedule": 5.0, "options": {"expires": 5}},
        "collect-due": {"task": "jobs.tasks.collect_due", "schedule": 5.0, "options": {"expires": 5}},
        "give-samples": {"task": "jobs.tasks.give_samples", "schedule": 5.0, "options": {"expires": 5}},
        "expire": {"task": "jobs.tasks.expire", "schedule": 600.0, "options": {"expires": 600}},
        "settle-purchases": {
            "task": "jobs.tasks.settle_purchases",
            "schedule": 60.0,
            "options": {"expires": 60},
        },
        # Asks whether it is this night's turn (jobs/nightly.py): by a row, which outlives a beat that is restarted.
        "reconcile": {"task": "jobs.tasks.reconcile", "schedule": 300.0, "options": {"expires": 300}},
    },
)
app.autodiscover_tasks(["jobs"])


@worker_init.connect
@beat_init.connect
def refuse_unsafe(**kwargs: Any) -> None:
    """A worker fetches what strangers name: it does not start unsafely either (lipsyncweb/checks.py)."""
    try:
        call_command("check", stdout=io.StringIO())
    except SystemCheckError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
