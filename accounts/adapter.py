"""What allauth asks of this site."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter

from lipsyncweb.secretbox import seal, unseal


class AccountAdapter(DefaultAccountAdapter):
    """The stock adapter; the room for the site's own mail and sign-up rules."""


class MFAAdapter(DefaultMFAAdapter):
    """Second factors' secrets are encrypted before they reach the database."""

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)
