"""Every refusal of the API as one JSON document: {"error": sentence, "code": word, "fields": [...]}."""

from collections.abc import Mapping, Sequence

from django.http import JsonResponse
from django.utils.translation import gettext_lazy as _

from jobs.problems import FieldProblem

BY_STATUS = {
    400: ("bad_request", _("The request is malformed.")),
    403: ("forbidden", _("This is not allowed.")),
    404: ("not_found", _("There is nothing at this address.")),
    405: ("method_not_allowed", _("This address does not take this method.")),
    413: ("too_large", _("The request is too large.")),
    429: ("rate_limited", _("These are too many requests; please slow down.")),
    500: ("internal_error", _("Something went wrong on the site's side; please try again.")),
}


class ApiError(Exception):
    """A refusal on its way to `answer`."""

    def __init__(self, status: int, code: str, sentence: str, *, headers: Mapping[str, str] | None = None):
        super().__init__(sentence)
        self.status, self.code, self.sentence = status, code, sentence
        self.headers = headers or {}


def answer(
    status: int,
    code: str,
    sentence: str,
    *,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JsonResponse:
    document = {"error": sentence, "code": code, "fields": [field.to_json() for field in fields]}
    return JsonResponse(document, status=status, headers=headers)


def answer_status(status: int, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """The document for a refusal that Django itself made."""
    code, sentence = BY_STATUS.get(status, BY_STATUS[500 if status >= 500 else 400])
    return answer(status, code, str(sentence), headers=headers)
