"""The alerts about the prober itself: nobody is looking, or nobody can trust what it says. Pure."""

from prober.core.slo import SLOW
from prober.rules.product import RESTARTS, burning
from prober.rules.promql import JOB, series
from prober.rules.records import UNFIT
from prober.rules.trouble import OF_EXPORTER, OF_PLACE, Trouble
from prober.rules.words import SAYS, SHARE, last_runs

UP = f'up{{job="{JOB}"}}'
SPOILT = 0.005
"""The share of planned runs that the prober itself may spoil."""
_LINES = series("target_interval_seconds")
"""One for each line that is watched."""
_LATE = series("runs_skipped_total", reason="~overlap|concurrency")
CANARY = (
    Trouble(
        name="LiveKitProberDown",
        severity="page",
        expr=f"{UP} == 0",
        summary="Prober {{ $labels.instance }} cannot be scraped",
        description="Whether customers get an agent is unknown: the exporter does not answer.",
        pending="3m",
    ),
    Trouble(
        name="LiveKitProberAbsent",
        severity="page",
        expr=f"absent({UP})",
        summary="No prober is being scraped at all",
        description=f"Whether customers get an agent is unknown: Prometheus has no target in the job {JOB}.",
        pending="5m",
    ),
    Trouble(
        name="LiveKitProberGone",
        severity="ticket",
        expr=f"group by ({', '.join(OF_PLACE)}) (\n  last_over_time({_LINES}[1h]) unless on (job, instance) {UP}\n)\n"
        f"unless on ({', '.join(OF_PLACE)})\n  {_LINES}\n",
        summary=f"Nobody calls {SAYS} any more",
        description="Its prober is not scraped any more, and no other one at its place has taken over. "
        "Removed on purpose, or lost?",
        pending="10m",
        keep="1h",
        of=OF_PLACE,
    ),
    Trouble(
        name="LiveKitProberRestarting",
        severity="ticket",
        expr=RESTARTS,
        summary="Prober {{ $labels.instance }} restarts again and again",
        description="{{ $value }} restarts in 15 minutes. Its log, or whatever starts it, says why it ended.",
    ),
    Trouble(
        name="LiveKitProberInconclusive",
        severity="ticket",
        expr=f"sum without (reason, trigger) (increase({series('runs_inconclusive_total')}[15m])) > 2.5",
        summary=f"The prober itself is at fault on {SAYS}",
        description="Runs could not be judged, and say nothing about the product. "
        f"Last run: {last_runs(*OF_EXPORTER)}.",
        of=OF_EXPORTER,
    ),
    Trouble(
        name="LiveKitProberLate",
        severity="ticket",
        expr=f"sum without (reason) (increase({_LATE}[1h])) > 2.5",
        summary=f"The prober cannot keep its schedule on {SAYS}",
        description="Runs were left out because others still went on. Lengthen the interval, or use a larger machine.",
        of=OF_EXPORTER,
    ),
    Trouble(
        name="LiveKitProberErrorBudgetBurn",
        severity="ticket",
        expr=burning(UNFIT, f"{SPOILT:g}", SLOW),
        summary=f"The prober spoils too many runs of {SAYS}",
        description=f"{SHARE} of planned runs could not be judged, or not even be made.",
        keep="1h",
        slo="canary",
        of=OF_PLACE,
    ),
    Trouble(
        name="LiveKitProberConfigReloadFailed",
        severity="ticket",
        expr=f"{series('config_last_reload_successful')} == 0",
        summary="Prober {{ $labels.instance }} runs an old configuration",
        description="The last reload failed. `livekit-prober check FILE` says what is wrong with the new one.",
        pending="10m",
    ),
    Trouble(
        name="LiveKitProberCleanupFailing",
        severity="ticket",
        expr=f"sum without (resource) (increase({series('cleanup_failures_total')}[1h])) > 2.5",
        summary="The prober leaks rooms on {{ $labels.target }}",
        description="Clean-up fails: rooms, participants or trials of ours stay behind, and may cost money.",
        of=("target",),
    ),
    Trouble(
        name="LiveKitProberHistoryFailing",
        severity="ticket",
        expr=f"increase({series('history_write_failures_total')}[1h]) > 0\n"
        f"or increase({series('history_lost_runs_total')}[1h]) > 0\n",
        summary="Prober {{ $labels.instance }} cannot write its history",
        description="Runs are made and told, but after a restart it will know nothing of them, nor of an outage. "
        "Look for a full disk.",
    ),
    Trouble(
        name="Watchdog",
        severity="none",
        expr="vector(1)",
        summary="The alerting of livekit-prober works",
        description="Fires always. Send it to a service elsewhere that tells you when it no longer comes.",
    ),
)
