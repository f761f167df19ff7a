"""What went wrong, as a stable code with a sentence: for the API, the pages and the failed job alike."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldProblem:
    """One field that is wrong. `field` is its path in the request, such as formState.audio."""

    field: str
    code: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {"field": self.field, "code": self.code, "message": self.message}


class Invalid(Exception):
    """A request whose fields do not fit; nothing was changed and nothing is charged."""

    def __init__(self, fields: list[FieldProblem]):
        super().__init__(fields[0].message)
        self.fields = fields


class JobFailure(Exception):
    """A job that cannot go on: the stable code and the sentence that its owner reads."""

    def __init__(self, code: str, sentence: str):
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
