"""Forms of a team and of its invitations."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import access, teams
from accounts.models import Invitation, Membership, Role, Team


class TeamForm(forms.ModelForm):
    """A team's name."""

    class Meta:
        model = Team
        fields = ["name"]
        labels = {"name": _("Name of the team")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "organization"})}

    def clean_name(self) -> str:
        try:
            return teams.check_name(self.cleaned_data["name"])
        except teams.Refused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


class InvitationForm(forms.ModelForm):
    """Whom to invite, and as what: only the roles that are the inviter's to give."""

    class Meta:
        model = Invitation
        fields = ["email", "role"]
        widgets = {"email": forms.EmailInput(attrs={"autocomplete": "off"})}
        error_messages = {"email": {"invalid": _("Give one e-mail address, such as ann@example.com.")}}

    def __init__(self, *args: Any, actor: Membership, **kwargs: Any):
        super().__init__(*args, **kwargs)
        choices = [(role.value, role.label) for role in access.roles_to_give(actor)]
        self.fields["role"] = forms.ChoiceField(
            label=_("Role"), choices=list(reversed(choices)), initial=Role.MEMBER
        )
        # Which of the two buttons it was.
        self.by_link = self.data.get("by") == "link"

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if self.by_link:
            return ""
        if not email:
            raise forms.ValidationError(_("Give the address that the invitation goes to, or make a link."))
        return email
