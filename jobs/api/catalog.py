"""What there is to use and what can go wrong, for anybody: needs no key."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext_lazy as _
from ninja import Router

from accounts import keys
from accounts.models.keys import PREFIX, TEST_PREFIX
from jobs import catalog, words
from jobs.api import codes, describe, strict
from jobs.catalog import FieldSpec, ModelSpec
from jobs.catalog.pricing import CREDITS_A_SECOND, MINIMUM_SECONDS

router = Router(tags=["Catalog"])


@router.get("/models", operation_id="list_models", summary=_("List models"), openapi_extra=describe.models())
def list_models(request: HttpRequest) -> JsonResponse:
    strict.no_query(request)
    return JsonResponse({"models": [_model(spec) for spec in catalog.MODELS.values()]})


@router.get(
    "/errors", operation_id="list_errors", summary=_("List error codes"), openapi_extra=describe.errors()
)
def list_errors(request: HttpRequest) -> JsonResponse:
    strict.no_query(request)
    warnings = [{"code": code, "warning": str(sentence)} for code, sentence in words.WARNINGS.items()]
    return JsonResponse({"errors": [code.to_json() for code in codes.everything()], "warnings": warnings})


@router.get(
    "/key-format",
    operation_id="get_key_format",
    summary=_("What a key looks like"),
    openapi_extra=describe.key_format(),
)
def get_key_format(request: HttpRequest) -> JsonResponse:
    strict.no_query(request)
    return JsonResponse(
        {
            "pattern": keys.PATTERN.pattern,
            "prefixes": [PREFIX, TEST_PREFIX],
            "checksum": str(keys.CHECKSUM),
        }
    )


def _model(spec: ModelSpec) -> dict[str, Any]:
    return {
        "model": spec.slug,
        "title": str(spec.title),
        "summary": str(spec.summary),
        "creditsASecond": CREDITS_A_SECOND,
        "minimumSeconds": MINIMUM_SECONDS,
        "parameters": [_parameter(field) for field in spec.fields],
    }


def _parameter(field: FieldSpec) -> dict[str, Any]:
    return {
        "name": field.name,
        "kind": field.kind,
        "required": field.required,
        "default": field.default,
        "choices": [choice for choice, _label in field.choices],
        "minimum": field.minimum,
        "maximum": field.maximum,
        "maxLength": field.max_length,
        "label": str(field.label),
        "help": str(field.help),
    }
