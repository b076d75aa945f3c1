"""The answer, and what goes with it at a glance."""

from typing import Any

from grafana.generate.looks import ANSWER_WORDS, BAD, GOOD, UNKNOWN, WARN, steps
from grafana.generate.panels import TARGET_PAGE, Words, numbers, rows
from grafana.generate.queries import Ask, age, burn, ours, quantile, standing, theirs


def panels() -> tuple[Any, ...]:
    """Can a customer talk to an agent?"""
    per_target = "max by (target)"
    intervals = f"{age()} / {ours('target_interval_seconds')}"
    paused = f"{ours('target_paused')} == 1"
    return (
        numbers(
            Words(
                title="Can a customer talk to an agent?",
                do="By the last judged run of each scenario, in each location: the worst counts. No: open the target's "
                "page (click), read what failed and its runbook paragraph. Unknown: no run was judged for three "
                "intervals and a timeout: look at the prober, not at the product.",
                asks=(Ask(f"min by (target) ({standing()})", "{{target}}", now=True),),
                empty="Unknown: no prober tells",
                width=8,
                height=5,
                link=("The target's page", TARGET_PAGE),
            ),
            steps(UNKNOWN),
            ANSWER_WORDS,
        ),
        numbers(
            Words(
                title="Failed in a row",
                do="Failed runs since the last one that passed. One may be a hiccup; from 3 on somebody is paged. "
                "Click for the newest failed run: its page has the reason and what to look at next.",
                asks=(Ask(f"{per_target} ({ours('consecutive_failures')})", "{{target}}", now=True),),
                empty="Unknown",
                width=4,
                height=5,
                decimals=0,
                link=("The target's page", TARGET_PAGE),
            ),
            steps(GOOD, (1, WARN), (3, BAD)),
        ),
        numbers(
            Words(
                title="Age of the last judged run",
                do="In intervals of its scenario, the oldest counts; no maintenance. Above 3 nobody knows how the "
                "product is: see whether the prober is scraped, late or inconclusive (last section).",
                asks=(Ask(f"{per_target} ({intervals} unless {paused})", "{{target}}", now=True),),
                unit="suffix: intervals",
                empty="Unknown",
                width=4,
                height=5,
                decimals=1,
            ),
            steps(GOOD, (2, WARN), (3, BAD)),
        ),
        numbers(
            Words(
                title="Error budget left (30 d)",
                do="What is left of the failures that the SLO allows in 30 days; below 0 the promise is broken. Little "
                "left: put reliability before features. Empty until the recording rules are loaded.",
                asks=(Ask(f"min by (target) (1 - {burn('run_failures', '30d')})", "{{target}}", now=True),),
                unit="percentunit",
                empty="No recording rules?",
                width=4,
                height=5,
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
                asks=(Ask(quantile(0.5, "agent_response_duration_seconds", "target"), "{{target}}", now=True),),
                unit="s",
                empty="No answers in this window",
                width=4,
                height=5,
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
                width=18,
                height=6,
            ),
            {
                "severity": {"displayName": "Severity", "custom.width": 110},
                "alertname": {"displayName": "Alert"},
                "target": {"displayName": "Target"},
                "scenario": {"displayName": "Scenario"},
                "location": {"displayName": "Location"},
                "Value": None,
            },
        ),
        numbers(
            Words(
                title="In maintenance",
                do="Scenarios that a maintenance window keeps from running: nothing is known of them, and no alert "
                "for their silence fires. More than you planned: see the windows in the configuration.",
                asks=(
                    Ask(f"sum({ours('target_paused')})", "scenarios", now=True),
                    Ask(f"sum({ours('targets', state='paused')})", "whole targets", now=True),
                ),
                empty="Unknown",
                width=6,
                height=6,
                decimals=0,
            ),
            steps(GOOD, (1, "blue")),
        ),
    )
