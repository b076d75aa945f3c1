"""The ways in, as a configuration writes them."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, Strict, model_validator
from pydantic.config import JsonDict

from prober.config.values import Json, Model, Page, Pattern, Text, Variable


def _listed(value: Any) -> Any:
    """One status is a list of one."""
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


Status = Annotated[int, Strict()]
Statuses = Annotated[
    tuple[Status, ...],
    BeforeValidator(_listed, json_schema_input_type=int | list[int]),
]


ONE_KEY: JsonDict = {"minProperties": 1, "maxProperties": 1}


def exactly_one(model: Model, what: str, names: tuple[str, ...]) -> None:
    """Raises ValueError unless one of these keys is given, and only one."""
    fields = {field.alias or name: name for name, field in type(model).model_fields.items()}
    given = [name for name in names if getattr(model, fields[name]) is not None]
    if len(given) != 1:
        found = " and ".join(given) + " are given" if given else "none is given"
        raise ValueError(f"{what} is exactly one of {', '.join(names)}; {found}.")


class Extraction(Model):
    """Where a step's answer holds a variable: exactly one of these."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)

    query: Text | None = None
    """a key of the final URL's query"""
    field: Text | None = None
    """the name of a hidden form field of the page, such as a CSRF token"""
    json_: str | None = Field(default=None, alias="json")
    """a JSON pointer (RFC 6901) into the body, such as `/data/id`"""
    header: Text | None = None
    """the name of a header of the answer"""
    cookie: Text | None = None
    """the name of a cookie that the flow has been given so far"""
    regex: Pattern | None = None
    """a regular expression over the body; its first group is the value"""

    @model_validator(mode="after")
    def _one(self) -> "Extraction":
        exactly_one(self, "An extraction", ("query", "field", "json", "header", "cookie", "regex"))
        return self


class Expect(Model):
    """What a step's answer must be."""

    status: Statuses = (200,)
    """the final status, or a list of them; redirects are followed"""


class Step(Model):
    """One HTTP request; its texts may hold `{{ variable }}`."""

    name: Text
    """what records and messages call this step; unique"""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """one of `GET`, `POST`, `PUT`, `PATCH`, `DELETE`"""
    url: Text
    """where to; values put into it are percent-encoded"""
    headers: dict[str, str] = {}
    """more headers; the prober's own marks cannot be set"""
    json_: Json = Field(default=None, alias="json")
    """the body as JSON; excludes `form`"""
    form: dict[str, str] | None = None
    """the body as a form; excludes `json`"""
    expect: Expect = Expect()
    extract: dict[Variable, Extraction] = {}
    """variables for the steps after this one"""


class SessionAt(Model):
    """The session as templates over the steps' variables; what is left out is found in the last step's JSON answer."""

    server_url: Text | None = None
    """LiveKit's URL; else `serverUrl`, `server_url`, `url` or `wsUrl` of the answer"""
    token: Text | None = None
    """the participant's token; else `participantToken`, `participant_token`, `token` or `accessToken`"""
    room: Text | None = None
    """the room's name; else `roomName`, `room_name` or `room`, or what the token names"""


class Trial(Model):
    """The product's own door: `steps` of its own, or the usual flow behind the page at `url`."""

    url: Page | None = None
    """the page with the Start Trial button, for the usual flow (docs/running.md); excludes `steps`"""
    steps: tuple[Step, ...] | None = None
    """the flow's requests in order; excludes `url`"""
    session: SessionAt = SessionAt()
    cleanup: tuple[Step, ...] = ()
    """steps that undo the trial after the call; always walked, their failure is reported and never judged"""

    @model_validator(mode="after")
    def _one(self) -> "Trial":
        exactly_one(self, "A trial's flow", ("url", "steps"))
        return self


class TokenEndpoint(Model):
    """An endpoint that gives a token: LiveKit's TokenSource, a starter kit's connection-details, a sandbox."""

    url: Page | None = None
    """the endpoint; only a LiveKit sandbox has one of its own"""
    method: Literal["GET", "POST"] = "POST"
    """`POST`, or `GET`, which can ask for nothing"""
    headers: dict[str, str] = {}
    """more headers, such as a login from `secrets`"""
    agent_name: Text | None = None
    """the agent to ask for"""
    agent_metadata: Text | None = None
    """metadata of its dispatch"""
    room: Text | None = None
    """the room to ask for, a template"""
    sandbox_id: Text | None = None
    """the id of a LiveKit sandbox"""
    server_url: str | None = None
    """JSON pointer to LiveKit's URL in the answer; else the usual names"""
    token: str | None = None
    """JSON pointer to the token; else the usual names"""
    room_name: str | None = None
    """JSON pointer to the room's name; else the usual names, or what the token names"""


class Direct(Model):
    """Our own room, made with `livekit`'s API key: for products without a web flow."""

    url: Text | None = None
    """LiveKit's URL; else that of `livekit`"""
    agent_name: str = ""
    """the agent to dispatch; empty: one that comes to every new room by itself"""
    room: Text = "synthetic-{{ target }}-{{ unix_ms }}-{{ random }}"
    """the room's name, a template over `target`, `run_id`, `unix_ms` and `random`; a fresh one for every run"""
    metadata: str = ""
    """metadata of the dispatch"""


class Entry(Model):
    """The way in: exactly one of these."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)

    trial: Trial | None = None
    token_endpoint: TokenEndpoint | None = None
    direct: Direct | None = None

    @model_validator(mode="after")
    def _one(self) -> "Entry":
        exactly_one(self, "A target's way in", ("trial", "token_endpoint", "direct"))
        return self

    @property
    def kind(self) -> str:
        """The key of the way that it is."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)
