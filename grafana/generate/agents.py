"""LiveKit's own numbers. A job that crashed changes none of them, which is why the canary exists."""

from typing import Any

from grafana.generate.panels import Words, lines
from grafana.generate.queries import Ask, theirs

_EMPTY = "LiveKit is not scraped here"
_NO_AGENTS = "Agents are not scraped here"


def panels() -> tuple[Any, ...]:
    """What LiveKit's server and its agents tell of themselves."""
    initialised = f"rate({theirs('lk_agents_proc_initialize_duration_seconds_bucket')}[$window])"
    return (
        lines(
            Words(
                title="Rooms and participants",
                do="How busy the servers are. A fall to nothing while runs fail: customers cannot get in either. Rooms "
                "without agents look like rooms with agents here.",
                asks=(
                    Ask(f"sum({theirs('livekit_room_total')})", "rooms"),
                    Ask(f"sum({theirs('livekit_participant_total')})", "participants"),
                ),
                empty=_EMPTY,
                low=0,
            )
        ),
        lines(
            Words(
                title="Jobs and processes of the agents",
                do="Jobs under way, and processes that wait or work. Jobs fall while rooms do not: agents crash, or "
                "are not dispatched. No processes: workers cannot start them.",
                asks=(
                    Ask(f"sum({theirs('lk_agents_active_job_count')})", "jobs"),
                    Ask(f"sum({theirs('lk_agents_child_process_count')})", "processes"),
                ),
                empty=_NO_AGENTS,
                low=0,
            )
        ),
        lines(
            Words(
                title="Load of the workers",
                do="By default a worker takes no job at 70 % and more. All of them there: callers wait or get nobody; "
                "add workers.",
                asks=(Ask(f"max by (nodename) ({theirs('lk_agents_worker_load')})", "{{nodename}}"),),
                unit="percentunit",
                empty=_NO_AGENTS,
                low=0,
                high=1,
            )
        ),
        lines(
            Words(
                title="Start of an agent process, p95",
                do="From a new process to one that can take a job. Rising: slow disks, imports or models; agents join "
                "late after each deploy.",
                asks=(Ask(f"histogram_quantile(0.95, sum by (le) ({initialised})) >= 0", "p95"),),
                unit="s",
                empty=_NO_AGENTS,
                low=0,
            )
        ),
    )
