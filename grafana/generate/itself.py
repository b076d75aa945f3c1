"""The prober's own trouble, which is never the target's failure; and what it costs."""

from typing import Any

from grafana.generate.looks import BAD, BESIDE, LIMIT, RELOAD_WORDS, WARN
from grafana.generate.panels import Words, counts, lines, rows
from grafana.generate.queries import Ask, ours, quantile, recorded, risen, theirs

_PLACE = "{{instance}} {{location}}"


def panels() -> tuple[Any, ...]:
    """Is it punctual, judged, unhurried, able to write, and configured as you think?"""
    return (*_schedule(), *_process(), *_leftovers(), *_configuration())


def _schedule() -> tuple[Any, ...]:
    return (
        lines(
            Words(
                title="Lateness of starts, p95",
                do="Planned to actual start. Over a second: the machine is busy, or too many runs are wanted at once. "
                "Longer intervals or a larger machine.",
                asks=(Ask(quantile(0.95, "schedule_lag_seconds", "location"), "p95 {{location}}"),),
                unit="s",
                low=0,
            )
        ),
        counts(
            Words(
                title="Starts left out, by reason",
                do="overlap, concurrency: it cannot keep its schedule: longer intervals, more concurrency or a larger "
                "machine. budget: the day's agent minutes are spent. maintenance, shutdown: as told.",
                asks=(Ask(f"sum by (reason) ({risen(ours('runs_skipped_total'))}) > 0", "{{reason}}"),),
                empty="None",
            )
        ),
        counts(
            Words(
                title="Not judged, by reason",
                do="They say nothing about the product. prober_overload: a larger machine. prober_offline: its own "
                "network. prober_throttled: let our marked requests through. Others: its log.",
                asks=(Ask(f"sum by (reason) ({risen(ours('runs_inconclusive_total'))}) > 0", "{{reason}}"),),
                empty="None",
            )
        ),
        lines(
            Words(
                title="Runs under way",
                do="Beside how many may be: one for each core unless configured. Always at the top: starts are left "
                "out or late.",
                asks=(Ask(f"sum by (location) ({ours('runs_in_progress')})", "{{location}}"),),
                decimals=0,
                low=0,
            )
        ),
    )


def _process() -> tuple[Any, ...]:
    return (
        lines(
            Words(
                title="Event loop, longest standstill",
                do="Since the scrape before. Over 0.1 s again and again: the host starves the prober, and runs become "
                "inconclusive. Look at what else runs there.",
                asks=(Ask(ours("event_loop_lag_seconds"), _PLACE),),
                unit="s",
                low=0,
            )
        ),
        lines(
            Words(
                title="CPU of the scheduler",
                do="In cores, without the runs, which are processes of their own. Near 1: too many targets for one "
                "prober; give some to another.",
                asks=(Ask(f"rate({theirs('process_cpu_seconds_total', 'job', 'location')}[$window])", _PLACE),),
                decimals=2,
                low=0,
            )
        ),
        lines(
            Words(
                title="Memory of the scheduler",
                do="Flat after a day. Growing day by day is a bug: restart it (it goes on where it was) and report.",
                asks=(Ask(theirs("process_resident_memory_bytes", "job", "location"), _PLACE),),
                unit="bytes",
                low=0,
            )
        ),
        lines(
            Words(
                title="Open files",
                do="Near the limit runs cannot start. Growing day by day is a bug: restart it and report.",
                asks=(
                    Ask(theirs("process_open_fds", "job", "location"), _PLACE),
                    Ask(f"min({theirs('process_max_fds', 'job', 'location')})", "Limit", look=LIMIT),
                ),
                low=0,
            )
        ),
    )


def _leftovers() -> tuple[Any, ...]:
    written = ("history_write_failures_total", "history_lost_runs_total", "evidence_write_failures_total")
    texts = ("writes that failed", "runs lost", "evidence lost")
    kept = (Ask(f"sum({risen(ours(name))}) > 0", text) for name, text in zip(written, texts, strict=True))
    return (
        counts(
            Words(
                title="Clean-ups that failed",
                do="Rooms, participants or trials of ours that stay in the world. See the log (run.left_behind): "
                "usually a key without the right, or your clean-up step. Delete them by hand.",
                asks=(Ask(f"sum by (resource) ({risen(ours('cleanup_failures_total'))}) > 0", "{{resource}}"),),
                empty="None",
            )
        ),
        counts(
            Words(
                title="What could not be kept",
                do="The disk of the history: full, read-only or slow. Probing goes on; waiting runs are written once "
                "it is well again, lost ones never.",
                asks=(*kept, Ask(f"sum({ours('history_waiting_runs')}) > 0", "runs waiting")),
                empty="Everything was kept",
            )
        ),
        counts(
            Words(
                title="Warnings and errors logged",
                do="A failed run is an error in the log, an inconclusive one a warning. More than such runs: "
                "read the log.",
                asks=(
                    Ask(
                        f"sum by (level) ({risen(ours('log_messages_total', level='~warning|error|critical'))}) > 0",
                        "{{level}}",
                    ),
                ),
                empty="None",
            ),
            {"warning": WARN, "error": BAD},
        ),
        lines(
            Words(
                title="Cost: agent minutes a day",
                do="For how long agents were kept by runs of every trigger, over the last day. Multiply by what a "
                "minute of your agent costs. Too much: longer intervals, or a daily budget in the configuration.",
                asks=(Ask(f"sum by (target) ({risen(ours('agent_session_seconds_total'), '1d')}) / 60", "{{target}}"),),
                unit="suffix:min",
                decimals=0,
                low=0,
            )
        ),
    )


def _configuration() -> tuple[Any, ...]:
    place = "instance, location"
    asks = (
        f"max by ({place}, version, revision, python_version, livekit_version) ({ours('build_info')})",
        f"max by ({place}, sha256) ({ours('config_info')})",
        f"max by ({place}) ({ours('config_last_reload_successful')})",
        f"max by ({place}) (time() - {ours('config_last_reload_success_timestamp_seconds')})",
        f"max by ({place}) (time() - {theirs('process_start_time_seconds', 'job', 'location')})",
        *(f"sum by ({place}) ({ours('targets', state=state)})" for state in ("active", "paused")),
    )
    narrow = {"custom.width": 85}
    ago = {"unit": "dtdurations", "decimals": 0, "custom.width": 110}
    return (
        lines(
            Words(
                title="Whole runs, p95, against their interval",
                do="A run that takes longer than its interval leaves the next start out (overlap). Near the limit: a "
                "longer interval.",
                asks=(
                    Ask(quantile(0.95, "run_duration_seconds", "scenario"), "{{scenario}}"),
                    Ask(
                        f"min by (scenario) ({ours('target_interval_seconds')})", "Interval of {{scenario}}", look=LIMIT
                    ),
                ),
                unit="s",
                width=12,
                low=0,
            )
        ),
        lines(
            Words(
                title="Runs that were made and judged",
                do="Share of all planned runs. Falling: the canary sees less than you think; the panels above say "
                "whether it skips or cannot judge. Below 99.5 % over 30 days is worth a ticket.",
                asks=tuple(
                    Ask(
                        f"1 - max by (target) ({recorded(f'runs_unfit_per_planned:ratio_rate{window}')})",
                        legend,
                        look=look,
                    )
                    for window, legend, look in (("1d", "{{target}} 1 d", ()), ("30d", "{{target}} 30 d", BESIDE))
                ),
                unit="percentunit",
                empty="No recording rules?",
                width=12,
                high=1,
            )
        ),
        rows(
            Words(
                title="What runs where",
                do="Different versions or configurations where you expect the same: a rollout that stopped half-way. "
                "Refused: the configuration file is wrong and the one before is in use; the log says why.",
                asks=tuple(Ask(expr, table=True) for expr in asks),
                width=24,
                height=6,
            ),
            {
                "instance": {"displayName": "Instance"},
                "location": {"displayName": "Location", **narrow},
                "version": {"displayName": "Version", **narrow},
                "revision": {"displayName": "Revision"},
                "python_version": {"displayName": "Python", **narrow},
                "livekit_version": {"displayName": "livekit", **narrow},
                "Value #A": None,
                "Value #B": None,
                "Value #F": {"displayName": "Targets", "decimals": 0, **narrow},
                "Value #G": {"displayName": "In maintenance", "decimals": 0, "custom.width": 120},
                "Value #C": {
                    "displayName": "Configuration",
                    "mappings": [one.to_json() for one in RELOAD_WORDS],
                    "custom.cellOptions": {"type": "color-text"},
                    "custom.width": 115,
                },
                "sha256": {"displayName": "Its hash", "custom.width": 160},
                "Value #D": {"displayName": "Read, ago", **ago},
                "Value #E": {"displayName": "Up", **ago},
            },
            sort="Instance",
        ),
    )
