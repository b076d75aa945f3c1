import re
import time
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.causes import Blame, Cause
from prober.core.events import AgentLogged, AgentLogQuiet
from prober.core.meanings import MEANINGS
from prober.core.words import harmless
from prober.diagnosis.agent_log import AgentLog
from prober.diagnosis.known_causes import KNOWN, recognise
from prober.diagnosis.worker_lines import read_line
from tests.agent_logs.recorded import RECORDED, room_of

CRASH = "unhandled exception while running the job task"
CLOSING = "AgentSession is closing due to unrecoverable error"
EXPECTED = {
    "missing_elevenlabs_key": (Cause.PROVIDER_KEY_MISSING, "room", "ELEVEN_API_KEY"),
    "missing_openai_key": (Cause.PROVIDER_KEY_MISSING, "room", "OPENAI_API_KEY"),
    "missing_deepgram_key": (Cause.PROVIDER_KEY_MISSING, "room", "DEEPGRAM_API_KEY"),
    "missing_inference_key": (Cause.PROVIDER_KEY_MISSING, "room", "LIVEKIT_INFERENCE_"),
    "missing_variable": (Cause.PROVIDER_KEY_MISSING, "room", "ELEVEN_API_KEY"),
    "refused_elevenlabs_key": (Cause.PROVIDER_KEY_REFUSED, "room", "elevenlabs plugin"),
    "refused_openai_key": (Cause.PROVIDER_KEY_REFUSED, "room", None),
    "refused_deepgram_key": (Cause.PROVIDER_KEY_REFUSED, "room", "deepgram plugin"),
    "refused_inference_key": (Cause.PROVIDER_KEY_REFUSED, "room", "LIVEKIT_INFERENCE_API_KEY"),
    "invalid_key_by_400": (Cause.PROVIDER_KEY_REFUSED, "room", None),
    "realtime_key_refused": (Cause.PROVIDER_KEY_REFUSED, "room", None),
    "model_unknown": (Cause.PROVIDER_REFUSES, "room", "the model, the voice"),
    "model_forbidden": (Cause.PROVIDER_REFUSES, "room", "model access"),
    "quota_exceeded": (Cause.PROVIDER_REFUSES, "room", "bill, or raise its limit"),
    "missing_key_of_a_participant": (Cause.PROVIDER_KEY_MISSING, "room", "ELEVEN_API_KEY"),
    "memory_limit": (Cause.JOB_DIED, "room", "job_memory_limit_mb"),
    "session_closed": (Cause.PROVIDER_KEY_REFUSED, "room", None),
    "provider_fails": (Cause.PROVIDER_ERRORS, "room", None),
    "async_callback": (Cause.ASYNC_CALLBACK, "room", None),
    "import_error": (Cause.IMPORT_ERROR, "worker", "livekit.plugins.cartesia"),
    "import_of_a_name": (Cause.IMPORT_ERROR, "room", None),
    "sfu_unreachable": (Cause.WORKER_CUT_OFF, "room", None),
    "server_unreachable": (Cause.WORKER_CUT_OFF, "worker", None),
    "missing_key_at_start": (Cause.PROVIDER_KEY_MISSING, "worker", "ELEVEN_API_KEY"),
    "missing_openai_key_at_start": (Cause.PROVIDER_KEY_MISSING, "worker", "OPENAI_API_KEY"),
    "missing_livekit_key": (Cause.WORKER_CUT_OFF, "worker", "Set LIVEKIT_API_KEY"),
    "worker_key_refused": (Cause.WORKER_KEY_REFUSED, "worker", None),
    "worker_full": (Cause.WORKER_FULL, "worker", None),
    "prewarm_raises": (Cause.PREWARM_FAILED, "worker", None),
    "prewarm_hangs": (Cause.PREWARM_HANGS, "worker", None),
    "no_main_guard": (Cause.PREWARM_FAILED, "worker", "__main__"),
    "process_exits": (Cause.JOB_DIED, "room", None),
    "sys_exit": (Cause.JOB_CRASHED, "room", None),
    "blocks_its_loop": (Cause.JOB_DIED, "room", "blocks the agent's event loop"),
    "hangs_before_connect": (Cause.JOB_HANGS, "room", None),
    "returns_without_connecting": (Cause.JOB_RETURNED, "room", None),
}

OF_NO_CAUSE = {"provider_stumbles"}


def test_every_recording_is_expected_to_say_something() -> None:
    assert EXPECTED.keys() | OF_NO_CAUSE == RECORDED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_workers_log_names_its_cause(name: str) -> None:
    log = AgentLog()
    for line in RECORDED[name]:
        log.read(line)

    told = log.told_of(room_of(name), at=9.0)

    assert isinstance(told, AgentLogged)
    assert (told.cause, told.by) == EXPECTED[name][:2]
    fix = EXPECTED[name][2]
    assert fix is None if told.fix is None else fix is not None and fix in told.fix


@pytest.mark.parametrize("name", OF_NO_CAUSE)
def test_or_tells_of_an_error_that_need_not_be_why(name: str) -> None:
    log = AgentLog()
    for line in RECORDED[name]:
        log.read(line)

    told = log.told_of(room_of(name), at=9.0)

    assert isinstance(told, AgentLogQuiet)
    assert told.taken
    assert "Error code: 500 - said by the stub" in (told.error or "")


RETRIED = (
    "livekit.agents._exceptions.APIConnectionError: failed to generate LLM completion after 4 attempts (caused by "
    "APIStatusError: message='Error code: 429 - {0}', status_code=429, retryable=True, body={{'message': '{0}'}})"
)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("You exceeded your current quota, please check your plan and billing details.", Cause.PROVIDER_REFUSES),
        ("Rate limit reached for gpt-5.1: Limit 30000, Used 29000. Please try again in 1s.", None),
    ],
)
def test_a_bill_that_is_not_paid_is_none_of_the_providers_errors(said: str, cause: Cause | None) -> None:
    turn = recognise(f"Error in _llm_inference_task\n{RETRIED.format(said)}")
    closing = recognise(f"{CLOSING}: {RETRIED.format(said).partition(': ')[2]}")

    assert (turn and turn.cause) == cause
    assert closing is not None
    assert closing.cause is (cause or Cause.PROVIDER_ERRORS)


UNSUPPORTED = (
    "message=\"Error code: 400 - Unsupported value: 'temperature' does not support 0.7 with this model. Only the "
    'default (1) value is supported.", status_code=400, retryable=False, body={}'
)


@pytest.mark.parametrize("begins", [f"{CLOSING}: ", "Error in _llm_inference_task\nlivekit.agents.APIStatusError: "])
def test_what_the_agent_asks_for_wrongly_is_not_the_providers_trouble(begins: str) -> None:
    what = recognise(f"{begins}{UNSUPPORTED}")

    assert what is not None
    assert (what.cause, MEANINGS[Cause.PROVIDER_REFUSES].blame) == (Cause.PROVIDER_REFUSES, Blame.AGENT)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        (f"{CLOSING}: {UNSUPPORTED}", UNSUPPORTED.removeprefix("message=")),
        (
            f"{CLOSING}: failed to generate LLM completion after 4 attempts (caused by APIStatusError: {UNSUPPORTED})",
            UNSUPPORTED.removeprefix("message="),
        ),
        (
            f"Error in _llm_inference_task\nlivekit.agents._exceptions.APIStatusError: {UNSUPPORTED}",
            UNSUPPORTED.removeprefix("message="),
        ),
        (f"{CLOSING}: Connection error.", "Connection error."),
        (f"{CLOSING}", CLOSING),
    ],
)
def test_of_a_providers_error_its_own_words_are_quoted(text: str, quote: str) -> None:
    what = recognise(text)

    assert what is not None
    assert what.quote == harmless(quote)


def test_nor_is_a_key_that_is_refused_as_a_socket_is_opened() -> None:
    (closing,) = [line for line in RECORDED["realtime_key_refused"] if CLOSING in line]
    said = read_line(closing)
    what = None if said is None else recognise(said.text)

    assert what is not None
    assert (what.cause, what.ending) == (Cause.PROVIDER_KEY_REFUSED, "close")


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            "message='Error code: 403 - Country, region, or territory not supported', status_code=403, "
            "retryable=False, body={'code': 'unsupported_country_region_territory', 'type': 'request_forbidden'}",
            Cause.PROVIDER_REFUSES,
        ),
        (
            "message='aws bedrock llm: error generating content: An error occurred (AccessDeniedException) when "
            "calling the ConverseStream operation: You don\\'t have access to the model', status_code=403",
            Cause.PROVIDER_REFUSES,
        ),
        (
            "message='gemini llm: client error', status_code=403, retryable=False, body=Your API key was reported as "
            "leaked. Please use another API key. PERMISSION_DENIED",
            Cause.PROVIDER_KEY_REFUSED,
        ),
        (
            "message='gemini llm: client error', status_code=400, retryable=False, body=API key not valid. Please pass "
            "a valid API key. INVALID_ARGUMENT",
            Cause.PROVIDER_KEY_REFUSED,
        ),
    ],
)
def test_a_known_key_that_may_not_do_this_is_not_to_be_replaced(said: str, cause: Cause) -> None:
    for text in (
        f"{CLOSING}: {said}",
        f"Error in _llm_inference_task\nlivekit.agents._exceptions.APIStatusError: {said}",
    ):
        what = recognise(text)

        assert what is not None
        assert (what.cause, "Replace" in (what.fix or "")) == (cause, False)


def test_every_row_of_the_table_is_needed_for_a_real_line() -> None:
    ranks = set()
    for lines in RECORDED.values():
        for line in lines:
            said = read_line(line)
            what = None if said is None else recognise(said.text)
            ranks |= set() if what is None else {what.rank}

    assert ranks == set(range(len(KNOWN)))


def test_what_a_worker_says_in_good_order_is_no_trouble() -> None:
    starting = [line for line in RECORDED["async_callback"] if '"level": "INFO"' in line and "crashed" not in line]

    for line in starting:
        said = read_line(line)
        assert said is None or recognise(said.text) is None


NAMING_PLUGIN = 'File "/a/livekit/plugins/a_b/tts.py", line 7\n'
NAMING = {
    "ValueError: X API key is required, set {}": "X_API_KEY",
    "KeyError: '{}'": "X_API_KEY",
    "ModuleNotFoundError: No module named '{}'": "a.b_c",
    'File "/a/livekit/plugins/{}/tts.py", line 7\nlivekit.agents.APIStatusError: no (status_code=401)': "a_b",
}
"""Lines that make a fix name something."""


@pytest.mark.parametrize(("says", "name"), NAMING.items())
def test_a_fix_names_what_is_a_name_and_cannot_be_a_key(says: str, name: str) -> None:
    def fix(name: str) -> str | None:
        what = recognise(f"{CRASH}\n{says.format(name)}")
        return what and what.fix

    assert name in (fix(name) or "")
    for more in (name * 30, "é", "\u202e", "4F9A8B7C6D5E4F3A2B1C", '"} 1', "\nSet it"):
        assert name + more not in (fix(name + more) or "")


@given(st.text() | st.from_regex(r"[A-Za-z_.\dé\n{}]{1,70}", fullmatch=True))
def test_whatever_a_line_holds_only_a_short_identifier_is_named(name: str) -> None:
    for known in KNOWN:
        for group in {*known.says.groupindex, *([known.raised_in] if known.raised_in else [])} - {
            "said",
            "inference",
            "environ",
        }:
            assert known.told({group: name}) is None or re.fullmatch(r"[A-Za-z_][A-Za-z_.0-9]{0,59}", name)


@pytest.mark.parametrize("pattern", dict.fromkeys(known.until for known in KNOWN if known.until))
def test_a_real_worker_says_when_its_trouble_is_over(pattern: re.Pattern[str]) -> None:
    said = [read_line(line) for lines in RECORDED.values() for line in lines]

    assert any(one is not None and pattern.match(one.text) for one in said)


@pytest.mark.parametrize(
    ("said", "never"),
    [
        ("openai.AuthenticationError: Incorrect API key provided: sk-proj-4f9a8b7c6d5e4f3a2b1c0d", "4f9a8b7c"),
        ("openai.AuthenticationError: Incorrect API key provided: short-one, see the docs", "short-one"),
        ("RuntimeError: refused.4f9a8b7c6d5e4f3a2b1c0d9e", "4f9a8b7c"),
        ("AuthenticationError: Incorrect API key: SK_LIVE_4F9A8B7C6D5E4F3A", "4F9A8B7C"),
        ("RuntimeError: eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "e30"),
        ("KeyError: 'someone@example.com'", "someone@"),
        ("RuntimeError: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "eyJ"),
        ("ValueError: \x1b[31mred", "\x1b"),
        (f"ValueError: {'no ' * 132} sk-proj-{'4f9a8b7c' * 9}", "sk-proj"),
        ("ClientError: refused wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY.", "EXAMPLEKEY"),
        ("ClientError: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYopenai.APIStatusError: no", "EXAMPLEKEY"),
        ("ClientError: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYlivekit/plugins/openai/tts.py", "EXAMPLEKEY"),
        ("ClientError: refused /JalrXUtnFEMI+K7MDENG/PxRfiCYEXAMPLE==", "EXAMPLE"),
        ("ClientError: sent Authorization: Bearer abcDEF123/ghi456+jkl789==", "jkl789"),
        ("ClientError: sent {'authorization': 'basic dXNlcjpwYXNz'}", "dXNl"),
        ("ClientError: no, api_key=sk_abc123", "abc123"),
        ("ClientError: no, {'X-API-Key': 'k three'}", "three"),
        ('ClientError: no, {"AWS_SECRET_ACCESS_KEY": "k3"', "k3"),
        ("ClientError: password = hunter2", "hunter2"),
        ("ClientError: passwd:hunter2", "hunter2"),
        ("ClientError: no, token: Bearer abc/def", "abc"),
        ("ClientError: refused, headers {'Cookie': 'session=abc123def456'}", "abc123"),
        ("ClientError: Set-Cookie: sid=s%3Aabc123; Path=/; id=hunter2", "abc123"),
        ("ClientError: Set-Cookie: sid=s%3Aabc123; Path=/; id=hunter2", "hunter2"),
        ("ClientError: cookie connect.sid=s3cr3tvalue1", "s3cr3t"),
        ("ConfigError: signing_key='hunter2abc' is not valid", "hunter2"),
        ("ConfigError: DEEPGRAM_KEY=abcd1234efgh refused", "abcd1234"),
        ("ConnectionError: pwd=hunter2 refused", "hunter2"),
        ("ClientError: no, Authorization: Token abc123def456", "abc123"),
        ("ClientError: no, authorization=Digest user='jo', response='abc123'", "abc123"),
        ("AuthError: invalid key sk_live_9f8a7b6c5", "9f8a"),
        ("ClientError: sk-abcdefghijklmnopqrstuvwxyzABCDEFGHIJ is refused", "abcdef"),
        ("ValidationError: no [input_value={'db_pass': 'hunter2', 'at': 'home', input_type=dict]", "hunter2"),
        ("ValidationError: no [input_value={'db_pass': 'hunter2', 'at': 'home', input_type=dict]", "home"),
        ("ConfigError: {'db_pass': 'hunter2'}", "hunter2"),
        (r"ClientError: sent '{\'authorization\': \'Token abc123\', \'x\': 1}'", "abc123"),
        ("APIError: refused api_key=b'abc def'", "def"),
        (r"APIError: refused api_key='abc\'def ghi'", "ghi"),
        ("OperationalError: postgres://agent:p/ss1@db.internal/x", "p/"),
        ("OperationalError: redis://:p/s@s1@db.internal/x", "p/"),
        ("ClientError: {'user': 'bob', 'pass': 'hunter2'}", "hunter2"),
        ('ClientError: {"key": "hunter2"}', "hunter2"),
        (r"ClientError: {\"key\": \"hunter2\"}", "hunter2"),
        ("ClientError: invalid key=hunter2", "hunter2"),
        ("ClientError: AccountKey=hunter2;", "hunter2"),
        ("CalledProcessError: tool --password hunter2", "hunter2"),
        ("CalledProcessError: tool --api-key hunter2", "hunter2"),
        ("CalledProcessError: tool --livekit-api-secret=hunter2", "hunter2"),
        ("AuthError: Invalid API key 'hunter'", "hunter"),
        ("AuthError: X-API-KEY hunter2horse", "hunter2"),
        ("AuthError: password hunter2horse is wrong", "hunter2"),
        ("ClientError: get(url, auth=('bob', 'hunter2'))", "hunter2"),
        ("ClientError: pw=hunter2", "hunter2"),
        ("ClientError: SharedAccessSignature sig=hunter2", "hunter2"),
        ("ClientError: login=hunter2", "hunter2"),
        (r"ConfigError: private_key=-----BEGIN PRIVATE KEY-----\nMIIEv", "MIIEv"),
    ],
)
def test_a_quote_holds_no_secret(said: str, never: str) -> None:
    what = recognise(f"{CRASH}\n{said}")

    assert what is not None
    assert what.quote
    assert never not in f"{what.quote}{what.fix}"


@pytest.mark.parametrize(
    "said",
    [
        "ImportError: cannot import name 'A' from 'b' (/agent/Lib2/python3.11/site-packages/b/__init__.py)",
        "FileNotFoundError: No such file: '/srv/Agent2/models/silero_vad_v5.onnx'",
        "FileNotFoundError: No such file: '/srv/Agent2/lib/python3.9/site-packages/a/__init__.py'",
        "OSError: /agent/lib/site-packages/livekit/agents2/plugins is gone, token refused",
        "ValueError: X API key is required, either as argument or set ELEVEN_API_KEY environment variable",
        "KeyError: 'ELEVEN_API_KEY'",
        "ConfigError: api_key=None, max_tokens=5, use_token: true",
        "ClientConnectorError: Cannot connect to wss://api.example.com:443/v1/listen, see https://docs.example.com",
        "ValidationError: eleven_api_key Field required [type=missing]",
        "ValueError: api_key is required, or set LIVEKIT_API_KEY",
        "ArgumentError: --api-key is required, or set --token and --secret",
        "TypeError: sort() got an unexpected keyword argument 'key', a pass without a pin or login",
        "KeyError: no such key: room, auth: failed, token expired, API key not valid",
        "JSONDecodeError: unexpected token '<' at 1",
        "AttributeError: task_key, risk-free passes and a sketch have no cookie",
    ],
)
def test_what_makes_a_quote_useful_stays(said: str) -> None:
    what = recognise(f"{CRASH}\n{said}")

    assert what is not None
    assert what.quote == said


EXCEPTIONS = {
    "ValueError: api_key is required, either as argument or set LIVEKIT_API_KEY": Cause.PROVIDER_KEY_MISSING,
    "ValueError: ElevenLabs API key is required": Cause.PROVIDER_KEY_MISSING,
    "ValueError: X API key is required, set X_API_KEY": Cause.PROVIDER_KEY_MISSING,
    "KeyError: 'CRM_API_KEY'": Cause.PROVIDER_KEY_MISSING,
    "livekit.agents.APIStatusError: no (status_code=401)": Cause.PROVIDER_KEY_REFUSED,
    f"{NAMING_PLUGIN}livekit.agents.APIStatusError: no (status_code=401)": Cause.PROVIDER_KEY_REFUSED,
    "ValueError: Cannot register an async callback with `.on()`": Cause.ASYNC_CALLBACK,
    "ModuleNotFoundError: No module named 'redis'": Cause.IMPORT_ERROR,
    "ImportError: no": Cause.IMPORT_ERROR,
    "livekit.rtc.room.ConnectError: engine: no": Cause.WORKER_CUT_OFF,
}


@pytest.mark.parametrize("says", EXCEPTIONS)
def test_an_exception_that_the_agent_may_have_got_over_is_no_cause(says: str) -> None:
    for message in (
        "optional tool off",
        "a.TTS error, switching to next TTS",
        "exception occurred while executing tool",
    ):
        assert recognise(f"{message}\n{says}") is None
    unhandled = recognise(f"Error in _traceable_on_enter\n{says}")
    assert unhandled is not None
    assert (unhandled.cause, unhandled.until) == (EXCEPTIONS[says], None)


def test_an_import_that_fails_in_prewarm_is_prewarms() -> None:
    what = recognise("error initializing process\nModuleNotFoundError: No module named 'onnx'")

    assert what is not None
    assert what.cause is Cause.PREWARM_FAILED


AMID_TRACEBACK = """Traceback (most recent call last):
  File "/agent/livekit/plugins/playht/tts.py", line 9, in __init__
    os.environ["PLAYHT_SECRET"]
"""
OLDER_PYTHON = """  File "/usr/lib/python3.10/os.py", line 679, in __getitem__
    raise KeyError(key) from None
"""


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("ValueError: CARTESIA_API_KEY must be set", "CARTESIA_API_KEY"),
        (
            "ValueError: OctoAI API key is required, either as argument or set OCTOAI_TOKEN environmental",
            "OCTOAI_TOKEN",
        ),
        ("app.ConfigError: GOOGLE_APPLICATION_CREDENTIALS is not set", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("app.ConfigError: Missing required environment variable: CRM_TOKEN", "CRM_TOKEN"),
        ("app.ConfigError: CRM_TOKEN is missing", "CRM_TOKEN"),
        ("app.ConfigError: CRM_TOKEN environment variable is required", "CRM_TOKEN"),
        ("app.ConfigError: CRM_API_KEY is required", "CRM_API_KEY"),
        ("KeyError: 'PLAYHT_SECRET'", "PLAYHT_SECRET"),
        (f"{AMID_TRACEBACK}{OLDER_PYTHON}KeyError: 'PLAYHT_SECRET'", "PLAYHT_SECRET"),
    ],
)
def test_a_key_that_is_missing_is_named(said: str, key: str) -> None:
    what = recognise(f"{CRASH}\n{said}")

    assert what is not None
    assert (what.cause, what.fix) == (
        Cause.PROVIDER_KEY_MISSING,
        f"Set {key} in the worker's environment and restart the worker.",
    )


@pytest.mark.parametrize(
    "said",
    [
        "google.genai.errors.ClientError: 400 {'message': 'API key not valid', 'status': 'INVALID_ARGUMENT'}",
        "google.genai.errors.ClientError: 403 {'message': 'Your API key is leaked', 'status': 'PERMISSION_DENIED'}",
        "openai.RateLimitError: Error code: 429 - {'message': 'Your API key has no more', 'code': 'QUOTA_EXCEEDED'}",
        "app.AuthError: API key SK_LIVE_9F8A7B6C5D4E3F2A1B0C9D8E is invalid",
        "app.AuthError: a key is required, not SK_LIVE_9F8A7B6C5D4E3F2A_KEY",
        f"app.AuthError: a key is required, not {'A' * 70}_KEY",
        "KeyError: 'SK_LIVE_9F8A7B6C_KEY'",
        "sqlalchemy.exc.ArgumentError: Mapper could not assemble: a column marked PRIMARY_KEY is required",
        "ValueError: max_tokens is required when END_OF_TEXT_TOKEN is used",
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 9, in ids\n    return vocabulary['EOS_TOKEN']\n"
        "KeyError: 'EOS_TOKEN'",
    ],
)
def test_what_is_said_of_a_key_or_a_constant_is_not_taken_for_a_variables_name(said: str) -> None:
    what = recognise(f"{CRASH}\n{said}")

    assert what is not None
    assert (what.cause, what.fix) == (Cause.JOB_CRASHED, None)


def chain(link: str) -> str:
    return f"""{CRASH}
Traceback (most recent call last):
  File "/app/agent.py", line 3, in fast
    import uvloop
ModuleNotFoundError: No module named 'uvloop'

{link}

Traceback (most recent call last):
  File "/app/agent.py", line 5, in fast
    raise Slow(1 / 0)
ZeroDivisionError: division by zero"""


def test_an_exception_was_brought_about_by_those_that_it_was_raised_from() -> None:
    what = recognise(chain("The above exception was the direct cause of the following exception:"))

    assert what is not None
    assert what.cause is Cause.IMPORT_ERROR


def test_but_not_by_one_that_was_being_handled() -> None:
    what = recognise(chain("During handling of the above exception, another exception occurred:"))

    assert what is not None
    assert (what.cause, what.quote) == (Cause.JOB_CRASHED, "ZeroDivisionError: division by zero")


HOSTILE = {
    "errors": "Error: " + "API key " * 40 + "\n",
    "words": "w" * 127 + "Error\n",
    "one word": "w",
    "a name": "A_",
    "stars": "*",
    "plugins": 'livekit/plugins/a/b.py", line ',
    "inference": 'livekit/agents/inference/tts.py", line ',
    "refusals": "APIStatusError: status_code=40 ",
    "refusals of plugins": 'livekit/plugins/a/b.py", line \nAPIStatusError: \n',
    "a long exception": "RuntimeError:\n" + " x\n" * 100,
    "empty lines": " \n",
}


@pytest.mark.parametrize("message", [CRASH, "error initializing process", "Error in _tts_task"])
@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_a_line_of_twice_the_length_takes_no_more_than_twice_the_time(message: str, unit: str) -> None:
    def seconds(length: int) -> float:
        text = f"{message}\n{unit * (length // len(unit))}"
        return min(timeit.repeat(lambda: recognise(text), timer=time.thread_time, number=5, repeat=7))

    # Twice the time for what is linear, four times for what is not; a line that is done in no time proves nothing.
    assert seconds(16_000) <= max(3 * seconds(8_000), 5 * 0.001)
