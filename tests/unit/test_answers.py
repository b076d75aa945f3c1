"""The sentence that answers whether a customer can talk to an agent: for each state that a line can be in."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from prober.core.plan import Scenario
from prober.watch.schedule import SkipReason
from prober.watch.status import LineStatus
from prober.watch.web.pages.answers import Answer, Tone, groups, of_line, of_target
from tests import page_history
from tests.page_history import CALLBACK, NOW

UP = NOW - 86_400


def judged(tmp_path: Path, *ages: tuple[float, str], **other: Any) -> LineStatus:
    """The line of joins that began so many seconds ago: `pass`, `slow`, `absent` or `offline`."""
    history = tmp_path / "history.db"
    events = {
        "pass": page_history.join(0.5),
        "slow": page_history.join(2.5),
        "absent": page_history.absent(),
        "offline": page_history.offline(),
    }
    page_history.keep(history, [page_history.made("shop", Scenario.JOIN, NOW - age, events[how]) for age, how in ages])
    return page_history.line(history, "shop", Scenario.JOIN, **other)


def test_a_pass_is_a_yes(tmp_path: Path) -> None:
    answer = of_line(judged(tmp_path, (70, "absent"), (10, "pass")), NOW, UP)
    assert (answer.tone, answer.word) == (Tone.GOOD, "Yes")
    assert answer.detail == "The last run passed 5 s ago."


def test_a_pass_that_took_too_long_names_the_objective(tmp_path: Path) -> None:
    answer = of_line(judged(tmp_path, (10, "slow")), NOW, UP)
    assert answer.tone is Tone.SLOW
    assert (
        answer.sentence
        == "An agent joins the call and stays, but slower than its objective: agent_join 2.50 s, at most 2 s."
    )


@pytest.mark.parametrize(
    ("failures", "detail"),
    [
        (1, "One run failed; the last one passed 3 min ago. This may be a hiccup: 3 in a row are an outage."),
        (2, "2 runs in a row failed; the last one passed 3 min ago. This may be a hiccup: 3 in a row are an outage."),
        (3, "3 runs in a row failed; the last one passed 3 min ago."),
    ],
)
def test_a_failure_is_a_no_in_the_words_of_its_verdict_and_says_how_sure_it_is(
    tmp_path: Path, failures: int, detail: str
) -> None:
    line = judged(tmp_path, (200, "pass"), *((40.0 - one, "absent") for one in range(failures)))
    answer = of_line(line, NOW, UP)
    assert answer.tone is Tone.BAD
    assert answer.sentence == "Agent did not join the room. (not within 5 s)"
    assert answer.detail == detail
    assert answer.look == (
        f"The job crashed: an async function was given to `.on()`. (ValueError: {CALLBACK}) "
        "Fix: Give `.on()` a plain function that calls asyncio.create_task."
    )
    assert line.last is not None
    assert answer.run_id == line.last.run_id


def test_who_never_passed_is_told_so(tmp_path: Path) -> None:
    assert "none has passed yet" in of_line(judged(tmp_path, (10, "absent")), NOW, UP).detail


@pytest.mark.parametrize(
    ("runs", "other", "sentence"),
    [
        ([], {}, "No run has ended yet."),
        ([(10, "pass")], {"closed": SkipReason.MAINTENANCE}, "Nobody looks: a maintenance window is open."),
        ([(10, "absent")], {"closed": SkipReason.MAINTENANCE}, "Nobody looks: a maintenance window is open."),
        ([(10, "pass")], {"closed": SkipReason.BUDGET}, "Nobody looks: today's budget of agent minutes is spent."),
        ([(600, "pass")], {}, "No run was judged for 9 min."),
        ([(600, "absent")], {}, "No run was judged for 9 min."),
        ([(600, "absent"), (10, "offline")], {}, "No run was judged for 9 min."),
        ([(70, "pass"), (10, "offline")], {}, "The last run could not be judged: The prober's own network is down."),
        ([(10, "offline")], {}, "The last run could not be judged: The prober's own network is down."),
    ],
)
def test_what_is_not_known_is_said_to_be_unknown_and_why(
    tmp_path: Path, runs: list[tuple[float, str]], other: dict[str, Any], sentence: str
) -> None:
    answer = of_line(judged(tmp_path, *runs, **other), NOW, NOW - 30 if not runs or len(runs) == 1 else UP)
    assert (answer.tone, answer.sentence) == (Tone.UNKNOWN, sentence)


def test_nothing_is_stale_until_three_intervals_and_a_timeout_have_passed(tmp_path: Path) -> None:
    line = judged(tmp_path, (100, "pass"))
    assert line.last_judged is not None
    end = line.last_judged.started_at + (line.last_judged.seconds or 0)
    assert of_line(line, end + 3 * 60 + 45, UP).tone is Tone.GOOD
    assert of_line(line, end + 3 * 60 + 46, UP).tone is Tone.UNKNOWN


def test_a_canary_that_never_judged_a_run_is_given_as_long(tmp_path: Path) -> None:
    line = judged(tmp_path)
    assert of_line(line, NOW, NOW - 225).sentence == "No run has ended yet."
    assert of_line(line, NOW, NOW - 300).sentence == "No run was judged for 5 min."


def test_a_run_that_could_not_be_judged_ends_no_outage(tmp_path: Path) -> None:
    answer = of_line(judged(tmp_path, (90, "absent"), (20, "offline")), NOW, UP)
    assert answer.tone is Tone.BAD
    assert answer.detail.endswith("The newest run could not be judged.")


def test_a_reason_of_another_version_is_told_as_it_is(tmp_path: Path) -> None:
    line = judged(tmp_path, (70, "pass"), (10, "offline"))
    assert line.last is not None
    strange = msgspec.structs.replace(line, last=msgspec.structs.replace(line.last, reason="moonlight"))
    assert of_line(strange, NOW, UP).sentence == "The last run could not be judged: moonlight."


GOOD, SLOW, BAD, UNKNOWN = (
    Answer(tone=tone, sentence=f"{tone}.") for tone in (Tone.GOOD, Tone.SLOW, Tone.BAD, Tone.UNKNOWN)
)


@pytest.mark.parametrize(
    ("join", "conversation", "tone", "sentence"),
    [
        (GOOD, GOOD, Tone.GOOD, "good."),
        (GOOD, SLOW, Tone.SLOW, "slow."),
        (SLOW, GOOD, Tone.SLOW, "slow."),
        (GOOD, BAD, Tone.BAD, "bad."),
        (BAD, UNKNOWN, Tone.BAD, "bad."),
        (GOOD, UNKNOWN, Tone.UNKNOWN, "Conversation: unknown."),
        (UNKNOWN, SLOW, Tone.UNKNOWN, "Join: unknown."),
        (UNKNOWN, UNKNOWN, Tone.UNKNOWN, "unknown."),
        (GOOD, None, Tone.GOOD, "An agent joins the call. Whether it answers, no scenario asks."),
    ],
)
def test_a_target_says_the_worst_of_its_scenarios(
    join: Answer, conversation: Answer | None, tone: Tone, sentence: str
) -> None:
    answers = {Scenario.JOIN: join} | ({} if conversation is None else {Scenario.CONVERSATION: conversation})
    answer = of_target(answers)
    assert (answer.tone, answer.sentence) == (tone, sentence)


def test_the_worst_targets_are_named_first() -> None:
    found = groups([("a", GOOD), ("b", BAD), ("c", GOOD)])
    assert [(group.word, group.names) for group in found] == [("No", ("b",)), ("Yes", ("a", "c"))]
