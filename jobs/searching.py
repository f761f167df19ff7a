"""What the history's search looks through: one lower-case text a job, written when it is submitted."""

from collections.abc import Mapping
from typing import Any

LONGEST = 1000  # characters


def text_of(job_id: str, form_state: Mapping[str, Any], reference: str) -> str:
    """The names of its inputs, its client's reference, its style, and its id."""
    values = form_state.get("values", {})
    parts = [str(form_state.get("label", "")), reference, str(values.get("prompt", "")), job_id]
    return folded(" ".join(part for part in parts if part))[:LONGEST]


def folded(text: str) -> str:
    """As it is stored and looked for: neither database folds the case of other alphabets by itself."""
    return " ".join(text.casefold().split())
