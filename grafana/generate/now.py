"""The answer, and what goes with it at a glance."""

from typing import Any

from grafana.generate.looks import ANSWER_WORDS, BAD, GOOD, SEVERITY_WORDS, UNKNOWN, WARN, steps
from grafana.generate.panels import TARGET_PAGE, Words, numbers, rows
from grafana.generate.queries import Ask, age, burn, ours, paused, quantile, standing, theirs


def panels() -> tuple[Any, ...]:
    """Can a customer talk to an agent?"""
    intervals = f"{age()} / {ours('target_interval_seconds')}"
    response = quantile(0.5, "agent_response_duration_seconds", "target")
    line = "job, instance, location, target, scenario"
    ended = f"on ({line}) group_left (outcome) ({ours('last_run_outcome')} == 1)"
    return (
        numbers(
            Words(
                title="Can a customer talk to an agent?",
                do="By the last judged run of each scenario, in each location: the worst counts. No: open the target's "
                "page (click), read what failed and its runbook paragraph. Unknown: no run was judged for three "
                "intervals and a timeout: look at the prober, not at the product.",
                asks=(Ask(f"sort(min by (target) ({standing()}))", "{{target}}", now=True),),
                empty="Unknown: no prober tells",
                width=6,
                height=6,
                link=("The target's page", TARGET_PAGE),
            ),
            steps(UNKNOWN),
            ANSWER_WORDS,
        ),
        numbers(
            Words(
                title="Failed in a row",
                do="Failed runs since the last one that passed, and what the last run came to. One may be a hiccup; "
                "from 3 on somebody is paged. The reason has its paragraph in the runbook. Click for the target's "
                "page.",
                asks=(
                    Ask(
                        f"sort_desc(max by (target, outcome) ({ours('consecutive_failures')} * {ended}))",
                        "{{target}} {{outcome}}",
                        now=True,
                    ),
                ),
                empty="Unknown",
                width=6,
                height=6,
                decimals=0,
                link=("The target's page", TARGET_PAGE),
            ),
            steps(GOOD, (1, WARN), (3, BAD)),
        ),
        numbers(
            Words(
                title="Judged, intervals ago",
                do="Age of the last judged run, in intervals of its scenario; the oldest, no maintenance. Above 3 "
                "nobody knows how the product is: see whether the prober is scraped, late or inconclusive (last "
                "section).",
                asks=(Ask(f"sort_desc(max by (target) ({intervals} unless {paused()}))", "{{target}}", now=True),),
                empty="Unknown",
                width=4,
                height=6,
                decimals=1,
            ),
            steps(GOOD, (2, WARN), (3, BAD)),
        ),
        numbers(
            Words(
                title="Error budget left (30 d)",
                do="What is left of the failures that the SLO allows in 30 days; below 0 the promise is broken. Little "
                "left: put reliability before features. Empty until the recording rules are loaded.",
                asks=(Ask(f"sort(min by (target) (1 - {burn('run_failures', '30d')}))", "{{target}}", now=True),),
                unit="percentunit",
                empty="No recording rules?",
                width=4,
                height=6,
                decimals=0,
            ),
            steps(BAD, (0, WARN), (0.25, GOOD)),
        ),
        numbers(
            Words(
                title="Response, median",
                do="From the end of the caller's sentence to the agent's first sound, as a caller hears it. Colours "
                "are for talking at ease: over 1.5 s callers notice, over 2.5 s they talk over the agent. "
                "Then look at where the time goes.",
                asks=(Ask(f"sort_desc({response})", "{{target}}", now=True),),
                unit="s",
                empty="No answers in this window",
                width=4,
                height=6,
            ),
            steps(GOOD, (1.5, WARN), (2.5, BAD)),
        ),
        rows(
            Words(
                title="Alerts that fire",
                do="What the rules say of these jobs now. Each has its paragraph in the runbook; the alert's own "
                "message holds the reason and the links.",
                asks=(
                    Ask(
                        "sum by (alertname, severity, target, scenario, location) "
                        f"({theirs('ALERTS', 'job', alertstate='firing')})",
                        table=True,
                    ),
                ),
                empty="None",
                width=24,
                height=7,
            ),
            {
                "severity": {
                    "displayName": "Severity",
                    "mappings": [one.to_json() for one in SEVERITY_WORDS],
                    "custom.cellOptions": {"type": "color-text"},
                    "custom.width": 110,
                },
                "alertname": {"displayName": "Alert"},
                "target": {"displayName": "Target"},
                "scenario": {"displayName": "Scenario"},
                "location": {"displayName": "Location"},
                "Value": None,
            },
            sort="Severity",
        ),
    )
