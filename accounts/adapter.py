"""What allauth asks of this site."""

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    """The stock adapter; the room for the site's own mail and sign-up rules."""
