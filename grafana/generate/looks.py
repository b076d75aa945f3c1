"""How things look on every panel: colours, words for values, thresholds."""

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard

from prober.core.causes import Blame
from prober.core.meanings import MEANINGS
from prober.core.metric_schema import OUTCOMES
from prober.core.reasons import Outcome

GOOD, WARN, BAD, UNKNOWN = "green", "orange", "red", "#8e8e99"
_WHOSE = {
    "trial_": "#ff9830",
    "token_": "#fade2a",
    "server_": "#b877d9",
    "room_": "#8f3bb8",
    "media_": "#ca95e5",
    "agent_absent": "#e02f44",
    "agent_": "#ff7383",
    "barge_": "#ffa6b0",
    "": "#a352cc",
}
"""A colour by whose trouble it is: web, token, LiveKit, agent, the call."""
_BLAMED = {
    Blame.AGENT: ("#e02f44", "#ff7383", "#c4162a", "#ffa6b0", "#f2495c"),
    Blame.PROVIDER: ("#fade2a", "#e0b400"),
    Blame.PRODUCT_WEB: ("#ff9830", "#fa6400", "#ffb357"),
    Blame.LIVEKIT: ("#b877d9", "#8f3bb8", "#ca95e5"),
    Blame.NETWORK: ("#8e8e99", "#c7d0d9"),
    Blame.PROBER: ("#5794f2",),
}
CAUSE_COLOURS = {
    cause.value: shades[number % len(shades)]
    for blame, shades in _BLAMED.items()
    for number, cause in enumerate(cause for cause, meaning in MEANINGS.items() if meaning.blame is blame)
}
"""Likewise of the causes, in shades."""
PHASE_COLOURS = {
    "trial": "#ff9830",
    "room_join": "#8f3bb8",
    "agent_join": "#c4162a",
    "agent_ready": "#f2495c",
    "time_to_ready": "#ff7383",
    "greeting": "#ff7383",
    "response": "#ffa6b0",
    "yield_time": "#fade2a",
    "cleanup": "#5794f2",
}
"""Likewise of the measurements."""
_PLAIN = {Outcome.PASS.value: "#56a64b", Outcome.INCONCLUSIVE.value: "#5794f2"}


def colour_of(outcome: str) -> str:
    """The colour of an outcome, on every panel the same."""
    return _PLAIN.get(outcome) or next(colour for start, colour in _WHOSE.items() if outcome.startswith(start))


def words(values: dict[str, tuple[str, str | None]]) -> list[dashboard.ValueMapping]:
    """Texts and colours in the place of values."""
    found = {
        value: dashboard.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(values.items())
    }
    return [dashboard.ValueMap(options=found)]


OUTCOME_WORDS = words({str(code): (name, colour_of(name)) for code, name in enumerate(OUTCOMES)})
OUTCOME_NAMES = words({name: (name, colour_of(name)) for name in OUTCOMES})
ANSWER_WORDS = words({"1": ("Yes", GOOD), "0": ("No", BAD), "0.5": ("Unknown", UNKNOWN), "2": ("Maintenance", "blue")})
RELOAD_WORDS = words({"1": ("read", GOOD), "0": ("refused", BAD)})
SEVERITY_WORDS = words({"page": ("page", BAD), "ticket": ("ticket", WARN)})


def steps(first: str, *others: tuple[float, str]) -> build.ThresholdsConfig:
    """Colours from these values on."""
    found = [dashboard.Threshold(value=None, color=first)]
    found += [dashboard.Threshold(value=value, color=colour) for value, colour in others]
    return build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(found)


def fixed(colour: str) -> dashboard.DynamicConfigValue:
    """One colour for whatever an override is about."""
    return dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})


BESIDE = (dashboard.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [4, 6]}),)
"""How a line looks with which another is compared."""
LIMIT = (fixed(BAD), *BESIDE)
"""How a line looks that should not be crossed."""
