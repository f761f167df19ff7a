"""The form of a connection, for a team's page and for the operator's: what is secret goes in and never out."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import audit
from accounts.access import Actor
from jobs import catalog, connections
from jobs.catalog.pricing import CREDITS_A_SECOND
from jobs.models import Connection


class WriteOnlyTextarea(forms.Textarea):
    """Shows nothing of what it holds, not even when the form comes back."""

    def format_value(self, value: Any) -> str:
        return ""


ADDRESS = {"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}


class ConnectionForm(forms.ModelForm):
    """Addresses are judged by jobs/connections.py alone, which knows what each owner may reach."""

    base_url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("Of the server itself, such as https://video.example.com, without /api/v1."),
        widget=forms.TextInput(attrs=ADDRESS),
    )
    key = forms.CharField(
        label=_("API key"),
        max_length=500,
        required=False,
        help_text=_("The key that you have on that server. It is kept encrypted and never shown again."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
    )
    callback_base = forms.CharField(
        label=_("Callback address"),
        max_length=500,
        required=False,
        help_text=_("Where that server reaches this site. Empty: it is not told, and only asked."),
        widget=forms.TextInput(attrs=ADDRESS),
    )
    secrets = forms.CharField(
        label=_("Signing secrets"),
        required=False,
        widget=WriteOnlyTextarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
    remove_secrets = forms.BooleanField(label=_("Remove all signing secrets"), required=False)
    only_models = forms.MultipleChoiceField(
        label=_("Models"),
        required=False,
        help_text=_("None chosen: all."),
        widget=forms.CheckboxSelectMultiple,
    )
    only_resolutions = forms.MultipleChoiceField(
        label=_("Resolutions"),
        required=False,
        help_text=_("None chosen: all."),
        choices=[(name, name) for name in CREDITS_A_SECOND],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Connection
        fields = [
            "name",
            "base_url",
            "key",
            "callback_base",
            "secrets",
            "remove_secrets",
            "only_models",
            "only_resolutions",
            "concurrency",
            "polls_a_second",
            "preference",
            "idempotent",
        ]
        labels = {"name": _("Name")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})}

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        # As it was before what was typed is laid over it.
        self.is_new = self.instance.pk is None
        self.fields["only_models"].choices = [(spec.slug, spec.title) for spec in catalog.MODELS.values()]
        if self.is_new:
            self.initial["callback_base"] = connections.default_callback()
            self.fields["key"].required = True
        else:
            self.fields["key"].help_text = _(
                "A key is kept. Leave this empty to keep it; it cannot be read here."
            )
        self._dress_secrets()

    def _dress_secrets(self) -> None:
        count = 0 if self.is_new else connections.secret_count(self.instance)
        self.fields["secrets"].help_text = _(
            "One whsec_… a line. With one, that server's webhooks are believed; without, they only make us ask it."
        )
        if not count:
            del self.fields["remove_secrets"]
            return
        self.fields["secrets"].help_text = ngettext(
            "%(count)s secret is kept. What you write here, one whsec_… a line, takes its place; empty keeps it.",
            "%(count)s secrets are kept. What you write here, one whsec_… a line, takes their place; "
            "empty keeps them.",
            count,
        ) % {"count": count}

    def clean_base_url(self) -> str:
        return _with_scheme(self.cleaned_data["base_url"])

    def clean_callback_base(self) -> str:
        return _with_scheme(self.cleaned_data["callback_base"])

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("secrets") and data.get("remove_secrets"):
            self.add_error("secrets", _("Either write new secrets or remove all, not both."))
        return data

    def _get_validation_exclusions(self) -> set[str]:
        # The model's URL validator knows no names of machines in the same rack.
        return {*super()._get_validation_exclusions(), "base_url", "callback_base"}

    @property
    def wrong(self) -> list[forms.BoundField]:
        """The fields that have errors."""
        return [field for field in self if field.errors]

    def keep(self, actor: Actor | None, who: audit.Who) -> bool:
        """Save through the service, which asks the server first; what it refuses stands beside its field."""
        kept = self.is_valid() and self._save_as(actor, who)
        if not kept:
            self._ask_for_the_key_again()
        return kept

    def _save_as(self, actor: Actor | None, who: audit.Who) -> bool:
        data = self.cleaned_data
        secrets = data["secrets"].splitlines() if data["secrets"].strip() else None
        if data.get("remove_secrets"):
            secrets = []
        try:
            connections.save(self.instance, key=data["key"], secrets=secrets, actor=actor, who=who)
        except connections.NotUsable as error:
            self.add_error(error.field, error.sentence)
            return False
        return True

    def _ask_for_the_key_again(self) -> None:
        """The form comes back without what is secret; sent again like that, it would keep the old key."""
        for name in ("key", "secrets"):
            if self.data.get(self.add_prefix(name), "").strip() and name not in self.errors:
                self.add_error(name, _("Enter this again: it is not shown, and was not kept."))


class OperatorConnectionForm(ConnectionForm):
    """For the admin, which knows only "valid" and "not valid": it is valid once it is saved."""

    def _post_clean(self) -> None:
        super()._post_clean()
        if not self.errors:
            self._save_as(None, audit.OPERATOR)
        if self.errors:
            self._ask_for_the_key_again()


def _with_scheme(address: str) -> str:
    return address if not address or "://" in address else f"https://{address}"
