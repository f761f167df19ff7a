"""What was found each night when the credits were added up. Only jobs/nightly.py writes it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reconciliation(models.Model):
    """One night's proof. The row is also the turn: of two timers, or two workers, one takes it."""

    night = models.DateField(_("night"), unique=True)
    # Taken, and by a worker that has died if it was long ago and nothing came of it.
    taken_at = models.DateTimeField(null=True)
    # Added up, and, where something was off, told to the operators.
    done_at = models.DateTimeField(_("done"), null=True)
    found = models.JSONField(_("does not add up"), default=list)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        ordering = ["-night"]

    def __str__(self) -> str:
        return f"{self.night}: {len(self.found)}"
