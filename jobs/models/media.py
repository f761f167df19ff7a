"""Files that people uploaded."""

import uuid

from django.conf import settings
from django.db import models

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
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            # Expiry reads the oldest first.
            models.Index(fields=["created_at"], name="upload_by_age"),
        ]

    def __str__(self) -> str:
        return self.name
