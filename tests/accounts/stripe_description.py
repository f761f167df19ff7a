"""Stripe's published OpenAPI description, where somebody has a copy: github.com/stripe/openapi."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs


class Description:
    """The description's schemas, in the words of JSON Schema."""

    def __init__(self, path: Path):
        self.schemas = json.loads(path.read_text())["components"]["schemas"]

    def problems(self, document: dict[str, Any], name: str) -> list[str]:
        """What the schema of this name has against the document. Names that it does not know are none."""
        whole = {
            "$ref": f"#/$defs/{name}",
            "$defs": {name: plain(each) for name, each in self.schemas.items()},
        }
        validator = jsonschema_rs.Draft202012Validator(whole)
        return [f"{error.instance_path}: {error.message}"[:300] for error in validator.iter_errors(document)]


def plain(schema: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type for it, and puts references elsewhere."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("#/components/schemas/", "#/$defs/")}
    changed = {key: plain(each) for key, each in schema.items() if key not in ("nullable", "discriminator")}
    if schema.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, changed]}
    return changed
