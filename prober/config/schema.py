"""The configuration's JSON Schema, for editors and for the words about unknown keys."""

from functools import cache
from typing import Any

from prober.config.models import Config


@cache
def json_schema() -> dict[str, Any]:
    """The schema of a configuration file. A key without a value is no value: null is nowhere but in a step's `json`."""
    found: dict[str, Any] = _without_null(Config.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "livekit-prober configuration"}


def known_keys(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that the map at this place may have."""
    here = json_schema()
    for key in path:
        named = here.get("properties", {}).get(key) or here.get("items") or here.get("additionalProperties")
        here = follow(named or next(iter(here.get("patternProperties", {}).values()), {}))
    return tuple(here.get("properties", {}))


def follow(part: dict[str, Any]) -> dict[str, Any]:
    """The definition that a part of the schema refers to, or the part itself."""
    name = part.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = json_schema()["$defs"][name] if name else part
    return found


def _without_null(part: Any, key: str = "") -> Any:
    """The schema without what pydantic says of None, and without the titles that only repeat the keys."""
    if isinstance(part, list):
        return [_without_null(each) for each in part]
    if not isinstance(part, dict):
        return part
    options = [each for each in part.get("anyOf", ()) if each != {"type": "null"}]
    if len(options) == 1:
        part = {**{name: each for name, each in part.items() if name != "anyOf"}, **options[0]}
    return {
        name: _without_null(each, name)
        for name, each in part.items()
        if each is not None and not (name == "title" and key not in {"properties", "default"})
    }
