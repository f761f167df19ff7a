"""`python -m tests.bench.site` fills a site for the measurement and prints a key and the id of a finished job."""

import json
import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts import audit, keys, ledger  # noqa: E402
from accounts.models import User  # noqa: E402
from accounts.teams import first_team  # noqa: E402
from jobs import catalog, form_state, lifecycle, submit  # noqa: E402
from jobs.models import Job  # noqa: E402
from jobs.verbs import Claim, Result  # noqa: E402


def fill() -> dict[str, str]:
    user = User.objects.create_user("bench@example.com")
    team = first_team(user)
    ledger.grant(team=team, kind="api", amount=2_000_000_000, reference="bench")
    key, secret = keys.issue(team=team, created_by=user, name="bench", actor=None, who=audit.UNRECORDED)
    keys.note_use(key)
    values = {"image": "https://media.example.com/face.png", "audio": "https://media.example.com/voice.wav"}
    job = submit.submit(
        team=team, actor=key, form_state=form_state.build(catalog.get("lipsync-image"), values)
    )
    Job.objects.filter(pk=job.pk).update(state="running", attempt=1, started_at=timezone.now())
    url = f"{settings.SITE_URL}/files/{job.pk}/{'x' * 32}.mp4"
    done = Result(
        f"results/{job.pk}/1.mp4", url, "x" * 32, "0" * 64, 10**6, 5.1, 480, 480, 7, {"warp": 12}, [], []
    )
    assert lifecycle.succeed(Claim(job.pk, 1), done)
    return {"secret": secret, "job": str(job.pk)}


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    json.dump(fill(), sys.stdout)
