"""How long a team keeps its results and inputs, and which inputs a job holds."""

from django.db import models

from accounts.models import Team
from jobs.models.jobs import Job
from jobs.models.media import Upload


class Retention(models.Model):
    """A team's own days, where it has chosen some; the site's settings are the most that it may choose."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="+")
    result_days = models.PositiveSmallIntegerField(null=True)
    input_days = models.PositiveSmallIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.result_days} and {self.input_days} days"


class JobInput(models.Model):
    """An upload that a job was made of: it goes with the last job that needs it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="uses")
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="uses")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "upload"], name="job_input_once"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} uses {self.upload_id}"
