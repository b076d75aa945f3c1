"""What failed when and why, and whether the promise is kept."""

from typing import Any

from grafana.generate.looks import BAD, BESIDE, CAUSE_COLOURS, OUTCOME_WORDS, PHASE_COLOURS, WARN, colour_of, steps
from grafana.generate.panels import LAST_FAILURE, Words, counts, lines, rows, states
from grafana.generate.queries import Ask, burn, ours, outcome, passed, risen
from prober.core.metric_schema import FAILURES

_LINE_LEGEND = "{{target}} / {{scenario}} {{location}}"


def panels() -> tuple[Any, ...]:
    """What failed when, and why."""
    failures = ours("run_failures_total", trigger="scheduled")
    why = "target, scenario, location, cause, meaning, fix"
    return (
        states(
            Words(
                title="What the last run came to",
                do="Each row is a scenario of a target seen from one location. Several locations at once: the product. "
                "One location: its network, or LiveKit's region. Blue: the prober could not judge. A gap: nobody "
                "looked, or maintenance. Click for the newest failed run.",
                asks=(Ask(outcome(), _LINE_LEGEND),),
                width=24,
                height=9,
                link=("The newest failed run", LAST_FAILURE),
            ),
            OUTCOME_WORDS,
        ),
        counts(
            Words(
                title="Failed runs by reason",
                do="Scheduled runs that failed, in the window before each moment. The reason is the first thing that "
                "went wrong; its paragraph in the runbook says what to do. agent_absent is the incident this was built "
                "for.",
                asks=(Ask(f"sum by (reason) ({risen(failures)}) > 0", "{{reason}}"),),
                empty="No failures",
                width=8,
            ),
            {reason: colour_of(reason) for reason in FAILURES},
        ),
        counts(
            Words(
                title="Failed runs by cause",
                do="Failed runs of which it is known why, in the window before each moment; fewer than failed runs "
                "where nobody told: give the target LiveKit's key and the agent's log.",
                asks=(Ask(f"sum by (cause) ({risen(ours('diagnoses_total'))}) > 0", "{{cause}}"),),
                empty="None known",
                width=8,
            ),
            CAUSE_COLOURS,
        ),
        lines(
            Words(
                title="Runs that passed, by location",
                do="Share of judged scheduled runs over the window. One line lower than the others: look at that "
                "location before you look at the product.",
                asks=(Ask(passed("target, location"), "{{target}} {{location}}"),),
                unit="percentunit",
                width=8,
                high=1,
            )
        ),
        rows(
            Words(
                title="Why the last runs failed, and what to do",
                do="The cause of each scenario's last judged run, where it is known. The run's page has what speaks "
                "for it, and the words of the agent's log.",
                asks=(Ask(f"sum by ({why}) ({ours('last_run_diagnosis_info')})", table=True),),
                empty="None known",
                width=24,
                height=6,
            ),
            {
                "target": {"displayName": "Target", "custom.width": 140},
                "scenario": {"displayName": "Scenario", "custom.width": 110},
                "location": {"displayName": "Location", "custom.width": 110},
                "cause": {"displayName": "Cause", "custom.width": 180},
                "meaning": {"displayName": "What happened"},
                "fix": {"displayName": "What to do"},
                "Value": None,
            },
            sort="Target",
        ),
    )


def slo() -> tuple[Any, ...]:
    """Is the promise kept?"""
    misses = ours("objective_misses_total", trigger="scheduled")
    success = ours("last_run_success")
    return (
        lines(
            Words(
                title="Burn rate",
                do="How many times faster than allowed the error budget is spent; at 1 it lasts 30 days. Both windows "
                "over 14.4 (short) or 6 (long): paged. Empty until the recording rules are loaded.",
                asks=(
                    Ask(f"max by (target) ({burn('run_failures', '1h')})", "{{target}} 1 h"),
                    Ask(f"max by (target) ({burn('run_failures', '6h')})", "{{target}} 6 h", look=BESIDE),
                ),
                unit="suffix:x",
                empty="No recording rules?",
                width=12,
                low=0,
            ),
            thresholds=steps("transparent", (6, WARN), (14.4, BAD)),
        ),
        lines(
            Words(
                title="Budgets left, 30 days",
                do="Of failures, and of each objective's misses; the worst scenario and location. Falls with each bad "
                "run, rises as old ones leave the 30 days. A step down: an incident. A steady slope: a little is bad "
                "all the time; see the reasons.",
                asks=(
                    Ask(f"min by (target) (1 - {burn('run_failures', '30d')})", "{{target}} failures"),
                    Ask(
                        f"min by (target, objective) (1 - {burn('objective_misses', '30d')})",
                        "{{target}} {{objective}}",
                    ),
                ),
                unit="percentunit",
                empty="No recording rules?",
                width=12,
                high=1,
            ),
            thresholds=steps("transparent", (0, BAD)),
        ),
        counts(
            Words(
                title="Objectives missed",
                do="Runs that were too slow, or failed and never measured, in the window before each moment. Many "
                "without failures: the product works but slowly; see where the time goes.",
                asks=(Ask(f"sum by (objective) ({risen(misses)}) > 0", "{{objective}}"),),
                empty="No misses",
                width=12,
            ),
            PHASE_COLOURS,
        ),
        lines(
            Words(
                title="Uptime and reachability",
                do="Uptime: time in which at least one location got through. Reachability: share of all runs. Far "
                "apart: only some locations suffer.",
                asks=(
                    Ask(f"avg_over_time((max by (target) ({success}))[$window:1m])", "{{target}} uptime"),
                    Ask(passed("target"), "{{target}} reachability", look=BESIDE),
                ),
                unit="percentunit",
                width=12,
                high=1,
            )
        ),
    )
