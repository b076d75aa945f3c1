"""Every metric as a row of a table: name, type, labels, words, buckets; and how many series a configuration makes.

Pure. Names, labels and buckets are a contract: rules, dashboards and the windows of recorded rates are built on them.
`docs/metrics.md` says the same to people, word for word.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from prober.core.accounts import RESOURCES
from prober.core.causes import Cause
from prober.core.metric import Kind, Label, Line, Metric, label_sets
from prober.core.reasons import OURS, Outcome, Reason

PREFIX = "livekit_prober_"
TRIGGERS = ("scheduled", "confirm", "manual")
FAILURES = tuple(reason.value for reason in Reason if reason not in OURS)
OUTCOMES = (Outcome.PASS.value, *FAILURES, Outcome.INCONCLUSIVE.value)
"""The states of `last_run_outcome`: of the reasons those that are about the target."""
CAUSES = tuple(cause.value for cause in Cause if cause is not Cause.PROBER_TROUBLE)
"""The causes of failures; the prober's own trouble is counted by its reason."""
SKIPS = ("overlap", "concurrency", "budget", "maintenance", "shutdown")
"""The schedule's reasons, which this side must not import."""
LEVELS = ("debug", "info", "warning", "error", "critical")
CLEANUP = "cleanup"
"""The one phase that is no measurement of the target."""
MOST_SERIES = 10_000


_TARGET = Label("target", lambda line: (line.target,))
_SCENARIO = Label("scenario", lambda line: (line.scenario,))
_OBJECTIVE = Label("objective", lambda line: line.objectives)
_PHASE = Label("phase", lambda line: line.phases)
_MEASUREMENT = Label("phase", lambda line: tuple(phase for phase in line.phases if phase != CLEANUP))
_TRIGGER = Label("trigger", TRIGGERS)
_CAUSE = Label("cause", CAUSES)
_LINE = (_TARGET, _SCENARIO)
_RUN = (*_LINE, _TRIGGER)

_JOIN_BUCKETS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0)
_TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_RESPONSE_BUCKETS = (*_TENTHS, *(1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0))
_PHASE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
_LAG_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

_TABLE = (
    # What runs came to
    Metric("runs_total", Kind.COUNTER, _RUN, "Judged runs: those that passed and those that failed."),
    Metric(
        "run_failures_total",
        Kind.COUNTER,
        (*_RUN, Label("reason", FAILURES)),
        "Judged runs whose target failed, each for exactly one reason.",
    ),
    Metric(
        "diagnoses_total",
        Kind.COUNTER,
        (*_LINE, _CAUSE),
        "Failed runs of every trigger that have a diagnosis, each for exactly one cause; `unexplained` is one of them.",
    ),
    Metric(
        "runs_inconclusive_total",
        Kind.COUNTER,
        (*_RUN, Label("reason", tuple(reason.value for reason in Reason if reason in OURS))),
        "Runs that say nothing about the target, because the prober proved itself unfit; not in runs_total.",
    ),
    Metric(
        "runs_skipped_total", Kind.COUNTER, (*_LINE, Label("reason", SKIPS)), "Scheduled runs that were not started."
    ),
    Metric(
        "objective_misses_total",
        Kind.COUNTER,
        (*_RUN, _OBJECTIVE),
        "Judged runs that missed a configured limit: over it, or failed and never measured; a part of runs_total.",
    ),
    Metric(
        "cleanup_failures_total",
        Kind.COUNTER,
        (_TARGET, Label("resource", RESOURCES)),
        "Things of ours that could not be taken out of the world again.",
    ),
    Metric(
        "agent_session_seconds_total",
        Kind.COUNTER,
        _LINE,
        "Time for which agents were kept, by runs of every trigger: what the canary costs.",
    ),
    # How long things took
    Metric(
        "agent_join_duration_seconds",
        Kind.HISTOGRAM,
        _LINE,
        "From the joined room to the agent in it; judged scheduled runs.",
        _JOIN_BUCKETS,
        only="agent_join",
    ),
    Metric(
        "agent_response_duration_seconds",
        Kind.HISTOGRAM,
        _LINE,
        "From the end of our speech to the onset of the answer, each turn; judged scheduled runs.",
        _RESPONSE_BUCKETS,
        only="response",
    ),
    Metric(
        "phase_duration_seconds",
        Kind.HISTOGRAM,
        (*_LINE, _PHASE),
        "Every measurement (response: each turn) and the clean-up, where it came to its end; judged scheduled runs.",
        _PHASE_BUCKETS,
    ),
    Metric(
        "run_duration_seconds",
        Kind.HISTOGRAM,
        _LINE,
        "From the start of a run to its end, its clean-up included; judged scheduled runs.",
        (*_JOIN_BUCKETS, 90.0, 120.0),
    ),
    # The last run
    Metric("last_run_success", Kind.GAUGE, _LINE, "Whether the last judged run worked (1) or its target failed (0)."),
    Metric("last_run_timestamp_seconds", Kind.GAUGE, _LINE, "When the last judged run ended, in Unix time."),
    Metric(
        "last_success_timestamp_seconds",
        Kind.GAUGE,
        _LINE,
        "When the last run that worked ended; absent until there is one.",
    ),
    Metric("last_run_duration_seconds", Kind.GAUGE, _LINE, "How long the last judged run took, its clean-up included."),
    Metric(
        "last_run_phase_duration_seconds",
        Kind.GAUGE,
        (*_LINE, _MEASUREMENT),
        "The measurements of the last judged run (response: its slowest turn); absent where a phase was not reached.",
    ),
    Metric(
        "last_run_outcome",
        Kind.GAUGE,
        (*_LINE, Label("outcome", OUTCOMES)),
        "What the last run came to, judged or not: of each target and scenario exactly one is 1.",
    ),
    Metric(
        "last_run_diagnosis",
        Kind.GAUGE,
        (*_LINE, _CAUSE),
        "Why the last judged run failed: of each target and scenario one is 1 after a failure, else none.",
    ),
    Metric(
        "last_run_diagnosis_info",
        Kind.GAUGE,
        (*_LINE, *map(Label, ("cause", "meaning", "fix"))),
        "Why the last judged run failed and what to do, in words: always 1, and absent after a run that passed.",
    ),
    Metric(
        "consecutive_failures",
        Kind.GAUGE,
        _LINE,
        "Failed runs since the last one that passed, scheduled and confirming; an inconclusive run leaves it alone.",
    ),
    # The schedule
    Metric("target_interval_seconds", Kind.GAUGE, _LINE, "Time between the starts of two scheduled runs."),
    Metric("target_timeout_seconds", Kind.GAUGE, _LINE, "Time for a whole run."),
    Metric("target_paused", Kind.GAUGE, _LINE, "Whether a maintenance window keeps runs from starting (1) or not (0)."),
    Metric(
        "targets",
        Kind.GAUGE,
        (Label("state", ("active", "paused")),),
        "Configured targets; paused are those of which no scenario may start for maintenance.",
    ),
    Metric("runs_in_progress", Kind.GAUGE, (_TARGET,), "Runs under way."),
    Metric(
        "schedule_lag_seconds",
        Kind.HISTOGRAM,
        (),
        "From the planned to the actual start of scheduled runs.",
        _LAG_BUCKETS,
    ),
    # The prober itself
    Metric(
        "event_loop_lag_seconds",
        Kind.GAUGE,
        (),
        "The longest time for which the scheduler's event loop did not run since the scrape before.",
    ),
    Metric(
        "build_info",
        Kind.GAUGE,
        tuple(map(Label, ("version", "revision", "python_version", "livekit_version"))),
        "What runs here; always 1.",
    ),
    Metric("config_info", Kind.GAUGE, (Label("sha256"),), "The configuration in use; always 1."),
    Metric(
        "config_last_reload_successful",
        Kind.GAUGE,
        (),
        "Whether the configuration could be read when it was last asked for (1), or the one before stays (0).",
    ),
    Metric(
        "config_last_reload_success_timestamp_seconds",
        Kind.GAUGE,
        (),
        "When the configuration in use was read, in Unix time.",
    ),
    Metric("log_messages_total", Kind.COUNTER, (Label("level", LEVELS),), "Messages that were logged."),
    Metric("history_write_failures_total", Kind.COUNTER, (), "Attempts to write a run to the history that failed."),
    Metric("history_lost_runs_total", Kind.COUNTER, (), "Runs that are not in the history and never will be."),
    Metric("history_waiting_runs", Kind.GAUGE, (), "Runs that wait to be written to the history."),
    Metric("evidence_write_failures_total", Kind.COUNTER, (), "Runs whose evidence could not be kept."),
)
METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})


def series_of(lines: Iterable[Line]) -> int:
    """How many series a canary with these lines has at most, those of Python and of the process left out."""
    known = tuple(lines)
    return sum(metric.samples * len(label_sets(metric, known)) for metric in METRICS.values())
