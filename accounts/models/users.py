"""A person, known by e-mail address."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(_("e-mail address"))
    name = models.CharField(_("name"), max_length=100, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    # When the account was last switched off: what was begun before, such as a login, is over.
    shut_out_at = models.DateTimeField(null=True, editable=False)
    is_staff = models.BooleanField(_("operator"), default=False)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    # The language of mail to this person, as last chosen on the site; empty: the site's.
    language = models.CharField(max_length=10, blank=True, db_default="", editable=False)
    # The team that this person works in; accounts/teams/ falls back to another that they belong to.
    current_team = models.ForeignKey(
        "accounts.Team", null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    objects = UserManager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            # One account an address, whatever its case; also the index that login reads by.
            models.UniqueConstraint(Lower("email"), name="user_email_unique"),
        ]

    def __str__(self) -> str:
        return self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What sessions are bound to: no earlier one opens anything once the account was switched off."""
        bound = super()._get_session_auth_hash(secret=secret)
        return f"{bound}{self.shut_out_at.timestamp()}" if self.shut_out_at else bound

    def get_full_name(self) -> str:
        return self.name or self.email
