"""A deleted team's ledger stays, without names."""

from accounts.models import Entry, Team


def forget_people(team: Team) -> None:
    """Take the people off the team's lines; what was moved when and why is untouched."""
    Entry.objects.filter(purse__team=team, person__isnull=False).update(person=None)
