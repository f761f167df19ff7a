"""Which models and resolutions a key may ask for, by the limits that its team gave it."""

from collections.abc import Sequence

from django.db.models import Exists
from django.utils.translation import gettext as _

from accounts import keys
from accounts.access import Actor
from accounts.models import ApiKey
from jobs import catalog
from jobs.catalog.base import Text
from jobs.catalog.pricing import CREDITS_A_SECOND
from jobs.form_state import FormState


class KeyNotAllowed(Exception):
    """The request is sound, and this key may not make it."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


class KeyChanged(Exception):
    """The key was revoked, or its limits changed, while its request was being worked on. Nothing was changed."""

    code = "key_changed"

    @property
    def sentence(self) -> str:
        return _("The key or its limits were changed at this very moment; send the request again.")


def check(actor: Actor, form_state: FormState) -> None:
    """Raise KeyNotAllowed for a model or a resolution that is not the key's."""
    if not isinstance(actor, ApiKey):
        return
    if actor.allowed_models and form_state.model not in actor.allowed_models:
        sentence = _("This key may not use %(asked)s; it may use %(allowed)s.")
        raise _refused("model_not_allowed", sentence, form_state.model, actor.allowed_models)
    resolution = form_state.values["resolution"]
    if actor.resolutions and resolution not in actor.resolutions:
        sentence = _("This key may not ask for %(asked)s; it may ask for %(allowed)s.")
        raise _refused("resolution_not_allowed", sentence, resolution, actor.resolutions)


def guard(actor: Actor) -> Exists | None:
    """What the statement that reserves credits must find true: see accounts.keys.as_judged(). None for a person."""
    return Exists(keys.as_judged(actor)) if isinstance(actor, ApiKey) else None


def require_unchanged(actor: Actor) -> None:
    """The same for a test key, whose jobs reserve nothing: raise KeyChanged."""
    if isinstance(actor, ApiKey) and not keys.as_judged(actor).exists():
        raise KeyChanged


def models() -> Sequence[tuple[str, Text]]:
    return [(spec.slug, spec.title) for spec in catalog.MODELS.values()]


def resolutions() -> Sequence[tuple[str, Text]]:
    return [(resolution, resolution) for resolution in CREDITS_A_SECOND]


def _refused(code: str, sentence: str, asked: str, allowed: list[str]) -> KeyNotAllowed:
    return KeyNotAllowed(code, sentence % {"asked": asked, "allowed": ", ".join(allowed)})
