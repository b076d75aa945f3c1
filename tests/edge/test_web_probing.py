"""`/probe`: a run on demand, as blackbox_exporter would tell it, and never more of them than are paid for."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from prober.core.record import RunRecord
from prober.watch.cadence import Key
from prober.watch.schedule import Skip, SkipReason
from prober.watch.web import probing
from prober.watch.web.probing import HEADER, SKIPPED, Turnstile
from tests.edge.kept_runs import FAIL, INCONCLUSIVE, PASS, run
from tests.edge.web_canary import CALL, SHOP, SmallCanary, serving

TOKEN = "correct-horse-battery"


def answering(*made: RunRecord | Skip) -> SmallCanary:
    """A canary whose runs end like this, one after the other."""
    coming = iter(made)

    async def answer(_key: Key) -> RunRecord | Skip:
        return next(coming)

    return SmallCanary(answer=answer)


def samples(text: str) -> dict[str, float]:
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_run_that_works(tmp_path: Path) -> None:
    canary, record = answering(run(PASS)), PASS
    async with serving(canary, tmp_path, probe=True) as client:
        response, body = await client.ask("/probe?target=shop", headers={HEADER: "10"})
    assert response.status == 200
    assert response.content_type == "text/plain"
    phases = ("trial", "room_join", "agent_join", "agent_ready", "time_to_ready")
    assert samples(body.decode()) == {
        "probe_success": 1,
        "probe_duration_seconds": record.seconds,
        "probe_timeout_seconds": 3.5,
        **{
            f"probe_livekit_phase_duration_seconds {name}": value
            for name in phases
            if (value := getattr(record.measurements, name)) is not None
        },
    }
    assert canary.probed == [(SHOP, 3.5)]


async def test_a_run_that_fails_has_its_reason_and_no_phase_that_was_not_reached(tmp_path: Path) -> None:
    async with serving(answering(run(FAIL)), tmp_path, probe=True) as client:
        _, text = await client.text("/probe?target=shop&module=conversation")
    told = samples(text)
    assert told["probe_success"] == 0
    assert told["probe_livekit_failure_info agent_left"] == 1
    assert "probe_livekit_phase_duration_seconds response" not in told


async def test_a_run_that_says_nothing_of_the_target_fails_the_scrape(tmp_path: Path) -> None:
    async with serving(answering(run(INCONCLUSIVE)), tmp_path, probe=True) as client:
        assert await client.text("/probe?target=shop") == (
            503,
            "The run is inconclusive (prober_offline) and says nothing of its target.\n",
        )


@pytest.mark.parametrize("reason", SkipReason)
async def test_so_does_one_that_is_not_made_and_the_next_need_not_wait(tmp_path: Path, reason: SkipReason) -> None:
    skip = Skip(key=SHOP, trigger="manual", planned=0.0, reason=reason)
    async with serving(answering(skip, run(PASS)), tmp_path, probe=True) as client:
        response, body = await client.ask("/probe?target=shop")
        assert (response.status, body.decode()) == (SKIPPED[reason][0], f"No run was made. {SKIPPED[reason][1]}\n")
        assert response.headers["Retry-After"] == "30"
        assert (await client.text("/probe?target=shop"))[0] == 200


async def test_openmetrics_is_spoken(tmp_path: Path) -> None:
    accept = "application/openmetrics-text;version=1.0.0"
    async with serving(SmallCanary(), tmp_path, probe=True) as client:
        response, body = await client.ask("/probe?target=shop", headers={"Accept": accept})
    assert response.content_type == "application/openmetrics-text"
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize(("made", "last"), [(FAIL, "probe_success 0.0"), (INCONCLUSIVE, "none: the run is incon")])
async def test_debug_tells_the_run_in_words(tmp_path: Path, made: RunRecord, last: str) -> None:
    async with serving(answering(run(made)), tmp_path, probe=True) as client:
        status, text = await client.text("/probe?target=shop&debug=true")
    assert status == 200
    assert "0.000 s  run started" in text
    assert f"{made.outcome.upper()} {made.reason}" in text
    assert last in text.partition("Metrics:")[2]


async def test_one_run_of_a_line_at_a_time_however_many_ask(tmp_path: Path) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def answer(_key: Key) -> RunRecord | Skip:
        begun.set()
        await end.wait()
        return run(PASS)

    canary = SmallCanary(answer=answer)
    async with serving(canary, tmp_path, probe=True, probe_gap=0.0) as client:
        first = asyncio.create_task(client.text("/probe?target=shop"))
        await begun.wait()
        others = await asyncio.gather(*(client.ask("/probe?target=shop") for _ in range(10)))
        assert [(one.status, int(one.headers["Retry-After"])) for one, _ in others] == [(429, 1)] * 10
        other_line = asyncio.create_task(client.text("/probe?target=shop&scenario=conversation"))
        end.set()
        assert (await first)[0] == (await other_line)[0] == (await client.text("/probe?target=shop"))[0] == 200
    assert [key for key, _ in canary.probed] == [SHOP, CALL, SHOP]


async def test_a_run_is_made_to_its_end_though_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    begun, end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer(_key: Key) -> RunRecord | Skip:
        begun.set()
        await end.wait()
        ended.set()
        return run(PASS)

    canary = SmallCanary(answer=answer)
    async with serving(canary, tmp_path, probe=True, probe_gap=0.0) as client:
        impatient = asyncio.create_task(client.text("/probe?target=shop"))
        await begun.wait()
        impatient.cancel()
        await asyncio.wait([impatient])
        assert (await client.text("/probe?target=shop"))[0] == 429
        end.set()
        await ended.wait()


async def test_runs_keep_their_gap(tmp_path: Path) -> None:
    canary = SmallCanary()
    async with serving(canary, tmp_path, probe=True) as client:
        assert (await client.text("/probe?target=shop"))[0] == 200
        response, body = await client.ask("/probe?target=shop")
    assert (response.status, body) == (429, b"This target and scenario may be probed every 30 s, once at a time.\n")
    assert 1 <= int(response.headers["Retry-After"]) <= 30
    assert len(canary.probed) == 1


def test_the_gap_is_between_starts() -> None:
    turnstile = Turnstile(30.0)
    assert turnstile.enter(SHOP, 100.0) is None
    assert turnstile.enter(SHOP, 110.0) == 20.0
    assert turnstile.enter(SHOP, 140.0) == 1.0  # it goes on still
    assert turnstile.enter(CALL, 140.0) is None
    turnstile.leave(SHOP, paid=True)
    assert turnstile.enter(SHOP, 129.5) == 1.0
    assert turnstile.enter(SHOP, 130.0) is None


async def test_a_run_that_ends_in_a_bug_opens_the_way_again(tmp_path: Path) -> None:
    async def answer(_key: Key) -> RunRecord | Skip:
        raise RuntimeError("a bug")

    canary = SmallCanary(answer=answer)
    async with serving(canary, tmp_path, probe=True, probe_gap=0.0) as client:
        assert (await client.text("/probe?target=shop"))[0] == 500
        canary.answer = None
        assert (await client.text("/probe?target=shop"))[0] == 200


@pytest.mark.parametrize(
    ("question", "header", "why"),
    [
        ("", None, "The parameter target is missing."),
        ("target=other", None, "No target of this name with this scenario is configured."),
        ("target=shop&scenario=both", None, "The parameter scenario is one of join, conversation."),
        ("target=shop&scenario=join&module=join", None, "The parameters scenario and module are the same: give one."),
        ("target=shop&hostname=x", None, "The parameters of this path are target, scenario, module, debug."),
        ("target=shop", "6.5", f"The header {HEADER} has to be a number of seconds above 6.5."),
        ("target=shop", "nan", f"The header {HEADER} has to be a number of seconds above 6.5."),
        ("target=shop", "inf", f"The header {HEADER} has to be a number of seconds above 6.5."),
        ("target=shop", "ten", f"The header {HEADER} has to be a number of seconds above 6.5."),
    ],
)
async def test_what_cannot_be_probed_is_said(tmp_path: Path, question: str, header: str | None, why: str) -> None:
    canary = SmallCanary()
    async with serving(canary, tmp_path, probe=True) as client:
        headers = {} if header is None else {HEADER: header}
        assert await client.text(f"/probe?{question}", headers=headers) == (400, f"{why}\n")
    assert not canary.probed


async def test_a_run_that_is_not_over_when_the_scraper_gives_up_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "AROUND", 0.1)
    over, made = asyncio.Event(), run(PASS)

    async def slow(_key: Key) -> RunRecord:
        await over.wait()
        return made

    async with serving(SmallCanary(answer=slow), tmp_path, probe=True) as client:
        status, text = await client.text("/probe?target=shop", headers={HEADER: "0.7"})
        assert (status, text) == (503, "The run is not over yet, and nothing is known of its target.\n")
        assert (await client.ask("/probe?target=shop"))[0].status == 429


@pytest.mark.parametrize(("header", "timeout"), [(None, 90.0), ("10", 3.5), ("96.25", 89.75), ("600", 90.0)])
async def test_the_scraper_is_answered_before_it_gives_up(tmp_path: Path, header: str | None, timeout: float) -> None:
    canary = SmallCanary()
    async with serving(canary, tmp_path, probe=True) as client:
        await client.ask("/probe?target=shop&scenario=conversation", headers={} if header is None else {HEADER: header})
    assert canary.probed == [(CALL, timeout)]


@pytest.mark.parametrize(("method", "path"), [("GET", "/probe?target=shop"), ("POST", "/-/reload")])
@pytest.mark.parametrize(
    ("headers", "statuses"),
    [
        ({}, (200, 200)),
        ({"X-Forwarded-For": "192.0.2.7"}, (403, 401)),
        ({"Host": "evil.example"}, (403, 403)),
        ({"Origin": "https://evil.example"}, (403, 403)),
        ({"Sec-Fetch-Site": "cross-site"}, (403, 403)),
        ({"Authorization": "Bearer wrong-horse-battery"}, (403, 401)),
        ({"X-Forwarded-For": "192.0.2.7", "Host": "evil.example", "Authorization": f"Bearer {TOKEN}"}, (403, 200)),
    ],
)
async def test_what_costs_or_changes_is_not_for_everybody(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], statuses: tuple[int, int]
) -> None:
    for token, status in zip((None, TOKEN), statuses, strict=True):
        canary = SmallCanary()
        async with serving(canary, tmp_path, probe=True, token=token) as client:
            response, body = await client.ask(path, method, headers=headers)
        assert response.status == status
        assert bool(canary.probed or canary.reloads) == (status == 200)
        assert ("WWW-Authenticate" in response.headers) == (status == 401)
        assert status == 200 or (body.endswith(b".\n") and TOKEN.encode() not in body)
