"""The form of a model, made from its declaration: values kept, problems beside their fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts.models import Team, User
from jobs import connections, form_state, inputs, media, samples, words
from jobs.catalog.base import FieldSpec, ModelSpec
from jobs.engine.errors import InputError
from jobs.form_state import FormState, Invalid, upload_id
from jobs.models import Job, Upload
from jobs.problems import FieldProblem
from jobs.submit import Quote, quote, refuse_too_long
from jobs.timing import Timing, lay_out

FILE_SUFFIX = "_file"
PREFIX = "formState."
SHORT = 100  # letters of what has no bound of its own: a choice, a number, the name of a provider


@dataclass(frozen=True)
class FieldView:
    """One field as a template shows it."""

    spec: FieldSpec
    value: str
    problem: str = ""
    upload: Upload | None = None
    sample: str = ""

    @property
    def id(self) -> str:
        return f"id_{self.spec.name}"

    @property
    def is_sample(self) -> bool:
        """Whether one of the site's samples stands in it: its own, or another of the same kind."""
        return is_sample(self.value, self.spec.kind)

    @property
    def address(self) -> str:
        """What the address box shows: an upload has no address."""
        return "" if self.upload else self.value

    @property
    def is_outside(self) -> bool:
        """Whether it is an address that nobody has opened yet."""
        return bool(self.value) and not (self.upload or self.is_sample or upload_id(self.value))

    @property
    def sample_path(self) -> str:
        return urlsplit(self.value if self.is_sample else self.sample).path

    @property
    def max_bytes(self) -> int:
        return media.limits_for(self.spec.kind).bytes


class GenerateForm:
    """What a person typed and sent for one model. `files` are kept as uploads by `take_files`."""

    def __init__(self, spec: ModelSpec, *, team: Team, strings: Mapping[str, str] | None = None):
        self.spec = spec
        self.team = team
        given = strings or {}
        self.strings = {field.name: given.get(field.name, "") for field in spec.fields}
        self.problems: dict[str, str] = {}
        self.trouble = ""  # a sentence about the whole
        self.provider = given.get("provider", "")
        self.provider_problem = ""

    def take_files(self, files: Mapping[str, UploadedFile], user: User) -> None:
        """Keep the files of a browser without scripts; each then stands in its field as an upload."""
        for field in self.spec.media_fields:
            file = files.get(field.name + FILE_SUFFIX)
            if file is None:
                continue
            try:
                kept = media.accept_upload(team=self.team, user=user, upload=file, kind=field.kind)
            except media.MediaRefused as refusal:
                self.problems[field.name] = words.failure(refusal.code, refusal.sentence)
            else:
                self.strings[field.name] = f"upload:{kept.pk}"

    def use_sample(self, name: str) -> None:
        if any(field.name == name for field in self.spec.media_fields):
            self.strings[name] = sample_address(self.spec.field(name))

    def use_example(self, name: str) -> bool:
        """Fill the form with an example of the catalog; False where there is none of this name."""
        example = next((item for item in self.spec.examples if item.name == name), None)
        if example is None:
            return False
        media_names = {field.name for field in self.spec.media_fields}
        self.strings = {field.name: "" for field in self.spec.fields}
        for field, value in example.values.items():
            self.strings[field] = site_sample(str(value)) if field in media_names else str(value)
        return True

    def refill(self, job: Job) -> None:
        """Fill the form with what a job of the team was asked for; an upload that is gone is said beside its field."""
        values = FormState.from_json(job.form_state).values
        self.provider = job.asked_provider
        self.strings = {field.name: str(values.get(field.name, "")) for field in self.spec.fields}
        kept = self._uploads()
        for field in self.spec.media_fields:
            value = self.strings[field.name]
            if upload_id(value) and (value not in kept or kept[value].kind != field.kind):
                self.strings[field.name] = ""
                self.problems[field.name] = _(
                    "The file of that job is not here any more; choose it again, or another one."
                )

    def build(self) -> FormState:
        """The validated value. Raises Invalid; the problems then stand beside their fields."""
        try:
            state = form_state.build(self.spec, self.spec.coerce(self.strings))
        except Invalid as invalid:
            self.add_problems(invalid.fields)
            raise
        if self.problems:
            raise Invalid(
                [FieldProblem(PREFIX + name, "refused", text) for name, text in self.problems.items()]
            )
        return state

    def add_problems(self, problems: Iterable[FieldProblem]) -> None:
        for problem in problems:
            name = problem.field.removeprefix(PREFIX)
            if name == "provider":
                self.provider_problem = problem.message.removeprefix("provider: ")
            elif name in self.strings:
                self.problems.setdefault(name, self._plain(self.spec.field(name), problem))
            else:
                self.trouble = problem.message

    def quote(self) -> Quote:
        """The price as far as it can be known from what was given so far."""
        return quote(self._state, self._seconds)

    def too_long(self) -> str:
        """A sentence where the video would be longer than the site makes, so that nobody has to submit to hear it."""
        try:
            refuse_too_long(self._state, self.quote())
        except Invalid as invalid:
            return invalid.fields[0].message
        return ""

    def timing(self) -> Timing:
        return lay_out(self.spec, self._state.values, self._seconds, self.quote().lengths)

    def request(self) -> tuple[dict[str, Any], list[FieldSpec]]:
        """The API's request for what stands in the form, and the fields for which a sample stands in as yet."""
        values = self.spec.coerce(
            {field.name: _shown(self.strings[field.name], field) for field in self.spec.fields}
        )
        missing = [field for field in self.spec.media_fields if field.required and field.name not in values]
        one_of = self.spec.parameters.one_of
        if one_of and not any(name in values for name in one_of):
            missing.append(self.spec.field(one_of[0]))
        values.update({field.name: sample_address(field) for field in missing})
        ordered = {field.name: values[field.name] for field in self.spec.fields if field.name in values}
        body = {"provider": self.provider[:SHORT]} if self.provider else {}
        return {**body, "formState": ordered}, missing

    @cached_property
    def _state(self) -> FormState:
        """What was given so far, of that which a price hangs on."""
        values = {field.name: self._choice(field) for field in self.spec.fields if field.kind == "choice"}
        given = {
            field.name: value
            for field in self.spec.media_fields
            if (value := self.strings[field.name].strip())
        }
        return FormState(self.spec.slug, {**values, **given})

    @cached_property
    def _seconds(self) -> dict[str, float]:
        """Lengths of the inputs that lie here, by field."""
        try:
            known = inputs.own_inputs(self.team, self._state)
        except (Invalid, InputError):
            return {}  # submitting will say what is wrong with it
        return {name: item.seconds for name, item in known.items() if item.seconds is not None}

    @cached_property
    def providers(self) -> list[tuple[str, str]]:
        """Who may make it, most preferred first, as values and what a person reads; nothing to choose from one."""
        found = connections.choices(self.team, self.spec.slug)
        if len(found) < 2:
            return []
        return [
            ("", _("Whoever is first and takes it")),
            *((each.name, _provider_label(each)) for each in found),
        ]

    @cached_property
    def fields(self) -> list[FieldView]:
        """As a template shows them, so read once everything is filled in and judged."""
        uploads = self._uploads()
        return [self._view(field, uploads) for field in self.spec.fields]

    @property
    def media_fields(self) -> list[FieldView]:
        return [view for view in self.fields if view.spec.is_media and not view.spec.advanced]

    @property
    def plain_fields(self) -> list[FieldView]:
        return [view for view in self.fields if not view.spec.is_media and not view.spec.advanced]

    @property
    def advanced_fields(self) -> list[FieldView]:
        return [view for view in self.fields if view.spec.advanced]

    @property
    def advanced_open(self) -> bool:
        return any(view.problem or view.value for view in self.advanced_fields)

    @property
    def first_problem(self) -> str:
        """The name of the field that the focus goes to."""
        return next((field.name for field in self.spec.fields if field.name in self.problems), "")

    @property
    def problem_list(self) -> list[FieldView]:
        return [view for view in self.fields if view.problem]

    def _view(self, field: FieldSpec, uploads: Mapping[str, Upload]) -> FieldView:
        value = self.strings[field.name]
        return FieldView(
            spec=field,
            value=value
            or (str(field.default) if field.kind == "choice" and field.default is not None else ""),
            problem=self.problems.get(field.name, ""),
            upload=uploads.get(value),
            sample=sample_address(field),
        )

    def _uploads(self) -> dict[str, Upload]:
        ids = [found for value in self.strings.values() if (found := upload_id(value))]
        return (
            {f"upload:{item.pk}": item for item in Upload.objects.filter(team=self.team, pk__in=ids)}
            if ids
            else {}
        )

    def _choice(self, field: FieldSpec) -> Any:
        value = self.strings[field.name]
        return value if value in dict(field.choices) else field.default

    @staticmethod
    def _plain(field: FieldSpec, problem: FieldProblem) -> str:
        """The sentence for a person: by the field's label, not by its path in a request."""
        if problem.code == "required" and field.is_media:
            return _("%(label)s is missing: choose a file, or paste an address.") % {"label": field.label}
        text = problem.message.removeprefix(f"{problem.field}: ")
        return text.replace(problem.field, f"“{field.label}”")


def _provider_label(choice: connections.Choice) -> str:
    if choice.connection is None:
        return str(words.THIS_SITE)
    limits = ", ".join(choice.connection.only_resolutions)
    return f"{choice.name} ({limits})" if limits else choice.name


def _shown(text: str, field: FieldSpec) -> str:
    """As much of it as the code shows: of what is too long, enough to be refused there as well."""
    return text[: (field.max_length or SHORT) + 1]


def sample_address(field: FieldSpec) -> str:
    """The address of this site's own sample for that field; "" where there is none."""
    return site_sample(field.sample) if field.sample else ""


def site_sample(name: str) -> str:
    return f"{settings.SITE_URL}{inputs.SAMPLES}{name}"


def is_sample(value: str, kind: str) -> bool:
    """Whether this is the address of one of the site's samples of that kind."""
    name = value.removeprefix(site_sample(""))
    return value.startswith(site_sample("")) and samples.CONTENT_TYPES.get(name, "").startswith(f"{kind}/")
