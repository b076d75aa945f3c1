"""The dashboard "Voice agent canary": from the answer down to its causes."""

from grafana_foundation_sdk.builders import dashboard as build

from grafana.generate import agents, compare, frame, itself, now, outcomes, times
from grafana.generate.panels import folded, section

UID = "livekit-prober"
ABOUT = (
    "Can a customer talk to an agent? A robot customer walks through the product's own door on a timer; these are its "
    "numbers. Start at the top: the answer, then what failed when, then where the time went."
)


def dashboard() -> build.Dashboard:
    """The whole of it."""
    windows = ("15m", "1h", "6h", "1d")
    made = frame.frame(UID, "Voice agent canary", ABOUT, since="6h", windows=windows, window="1h")
    made.with_variable(frame.limit_variable("join_limit", "Join limit", "agent_join_duration_seconds", 10.0))
    made.with_variable(frame.limit_variable("response_limit", "Response limit", "agent_response_duration_seconds", 2.5))
    made.with_variable(frame.product_variable()).with_variable(frame.page_variable())
    made.link(frame.link("Status page", "${status_page:raw}"))
    made.link(frame.link("Post-deploy", "/d/livekit-prober-post-deploy", keep=True))
    for title, panels in (
        ("Now", now.panels()),
        ("Outcomes", outcomes.panels()),
        ("Where the time goes", times.panels()),
        ("SLO", outcomes.slo()),
        ("Compare", compare.panels()),
    ):
        made.with_row(section(title))
        for panel in panels:
            made.with_panel(panel)
    made.with_row(folded("Is the agent side to blame?", agents.panels()))
    made.with_row(folded("Is the prober to blame?", itself.panels()))
    return frame.annotated(made)
