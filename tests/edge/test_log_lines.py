"""The log's lines: words for people, JSON for collectors, nobody else's text."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from prober.sinks.log_lines import Lines, logging_to, tell

log = logging.getLogger("prober.of.a.test")


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with logging_to(Lines(stream, as_json=request.param == "json")):
        yield stream


def logged() -> None:
    tell(log, logging.INFO, "run.skipped", "shop/join skipped: budget", target="shop", reason="budget")
    log.error("history.failed", extra={"error": "the disk is full", "runs_waiting": 3})
    log.debug("too.much")
    try:
        raise RuntimeError("s3cr3t")
    except RuntimeError:
        log.exception("history.unwritable", extra={"run_id": "0123456789abcdef"})
    logging.getLogger("asyncio").warning("Somebody else says bob@example.com")
    logging.getLogger("asyncio").info("and chatters")


@pytest.mark.parametrize("written", ["json"], indirect=True)
def test_a_collector_finds_names_and_fields(written: io.StringIO) -> None:
    logged()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert all(line.pop("time").endswith("+00:00") for line in lines)
    assert lines == [
        {"level": "info", "event": "run.skipped", "target": "shop", "reason": "budget"},
        {"level": "error", "event": "history.failed", "error": "the disk is full", "runs_waiting": 3},
        {"level": "error", "event": "history.unwritable", "run_id": "0123456789abcdef", "error": "RuntimeError"},
        {"level": "warning", "event": "library.asyncio", "message": "Somebody else says [e-mail]"},
    ]


@pytest.mark.parametrize("written", ["text"], indirect=True)
def test_a_person_finds_words(written: io.StringIO) -> None:
    logged()
    lines = written.getvalue().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "info    shop/join skipped: budget",
        "error   history.failed error=the disk is full runs_waiting=3",
        "error   history.unwritable run_id=0123456789abcdef error=RuntimeError",
        "warning library.asyncio message=Somebody else says [e-mail]",
    ]
    assert "s3cr3t" not in written.getvalue()


@pytest.mark.parametrize("written", ["text"], indirect=True)
def test_nobodys_text_forges_a_line(written: io.StringIO) -> None:
    log.error("web.failed", extra={"path": "/\nPASS\x1b[2J"})
    assert len(written.getvalue().splitlines()) == 1
    assert "\x1b" not in written.getvalue()


@pytest.mark.parametrize(
    ("written", "moment"),
    [("json", "2001-09-09T01:46:40.000+00:00"), ("text", "2001-09-09T01:46:40Z")],
    indirect=["written"],
)
def test_a_line_that_is_written_late_has_the_time_of_what_happened(written: io.StringIO, moment: str) -> None:
    log.handle(logging.makeLogRecord({"name": log.name, "msg": "run.late", "levelno": logging.INFO, "created": 1e9}))
    assert moment in written.getvalue()


def test_a_message_that_is_none_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(io.StringIO(), as_json=False)
    lines.handle(logging.makeLogRecord({"name": "asyncio", "msg": "%d", "args": ("no number: s3cr3t",)}))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_stream_that_is_gone_is_no_trouble(as_json: bool) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    with logging_to(Lines(Gone(), as_json=as_json)):
        logged()


def test_nothing_of_it_stays() -> None:
    before = logging.getLogger().handlers[:]
    with logging_to(Lines(io.StringIO(), as_json=False)):
        assert log.isEnabledFor(logging.INFO)
    assert logging.getLogger().handlers == before
    assert not log.isEnabledFor(logging.INFO)
