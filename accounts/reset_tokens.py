"""Mailed links that set a password. In a module of its own: allauth's forms import it while they are imported."""

from allauth.account.forms import EmailAwarePasswordResetTokenGenerator

from accounts.models import User


class ResetTokens(EmailAwarePasswordResetTokenGenerator):
    """A mailed link that sets a password opens nothing once the account was switched off, on again or not."""

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.is_active}{user.shut_out_at}"
