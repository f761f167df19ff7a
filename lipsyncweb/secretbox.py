"""Secrets that must be read again (webhook signing secrets), encrypted before they reach the database."""

import base64
import hashlib
import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def _box() -> MultiFernet:
    phrases = settings.ENCRYPTION_KEYS or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(b"lipsyncweb.secretbox:" + phrase.encode()).digest() for phrase in phrases)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def seal(text: str) -> str:
    """Encrypt with the first key."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt with whichever key fits; ValueError when none does (a key was taken away too early)."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise ValueError(
            "A stored secret fits none of ENCRYPTION_KEYS; add the key that wrote it."
        ) from error


def seal_list(texts: list[str]) -> str:
    """Encrypt several secrets as one; nothing for none."""
    return seal(json.dumps(texts)) if texts else ""


def unseal_list(sealed: str) -> list[str]:
    found: list[str] = json.loads(unseal(sealed)) if sealed else []
    return found
