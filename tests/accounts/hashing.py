"""A password hasher that counts its work."""

from django.contrib.auth.hashers import MD5PasswordHasher

NAME = "tests.accounts.hashing.CountingHasher"


class CountingHasher(MD5PasswordHasher):
    """Stands for a slow one: what a request hashes is most of the time that it takes."""

    done = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).done += 1
        return super().encode(password, salt)
