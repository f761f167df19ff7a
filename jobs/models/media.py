"""Files that people uploaded."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Team


class Upload(models.Model):
    """A media file of a team, probed when it came. `file` is a name that we made; `name` is theirs, for show only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="uploads")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=5)  # image, audio or video
    name = models.CharField(max_length=100)
    file = models.CharField(max_length=200)
    format = models.CharField(max_length=20)
    bytes = models.BigIntegerField()
    seconds = models.FloatField(null=True)
    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    # What jobs/looking.py saw or heard in it: faces, or how loud it is. None: nobody has looked yet.
    look = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # When it goes: moved on by every job that uses it (jobs/retention.py). A kept job holds it longer.
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Expiry reads what is over.
            models.Index(fields=["expires_at"], name="upload_by_end"),
        ]

    def __str__(self) -> str:
        return self.name


class PartialUpload(models.Model):
    """A large file that comes in parts, one after the other; each lies in the storage until the last one is here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=5)  # image, audio or video
    name = models.CharField(max_length=100)
    size = models.BigIntegerField()  # bytes, of the whole
    received = models.BigIntegerField(default=0)  # bytes, without a gap from the first
    parts = models.PositiveIntegerField(default=0)  # that were begun: one that broke off counts too
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # Expiry reads those that nobody goes on with.
            models.Index(fields=["changed_at"], name="partial_upload_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.received} of {self.size} bytes"
