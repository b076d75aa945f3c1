"""What a check of the core finds wrong in an entry is told with its place in the file."""

from pathlib import Path

import pytest

from prober.config.loading import load
from prober.config.problems import ConfigError

KEY = "livekit: {url: 'wss://livekit.example', api_key: '${K}', api_secret: '${K}'}"
URL = "url: 'https://shop.example/'"


def steps(step: str) -> str:
    return f"entry: {{trial: {{steps: [{{name: a, {URL}}}, {{name: \"b', headers 'c'\", {step}}}]}}}}"


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (steps("url: 'https://{{ x }}/'"), "entry.trial.steps[1].url"),
        (steps("url: 'https://shop.example/../'"), "entry.trial.steps[1].url"),
        (steps(f"{URL}, headers: {{A: '{{{{ x }}}}'}}"), "entry.trial.steps[1].headers"),
        (steps(f"{URL}, headers: {{'A b': c}}"), "entry.trial.steps[1].headers.A b"),
        (steps(f"{URL}, json: {{a: ['{{{{ x }}}}']}}"), "entry.trial.steps[1].json"),
        (steps(f"{URL}, form: {{a: '{{{{ x }}}}'}}"), "entry.trial.steps[1].form"),
        (steps(f"{URL}, expect: {{status: 302}}"), "entry.trial.steps[1].expect"),
        (steps(f"{URL}, extract: {{email: {{query: a}}}}"), "entry.trial.steps[1].extract.email"),
        (steps(f"{URL}, extract: {{a: {{json: b}}}}"), "entry.trial.steps[1].extract.a.json"),
        (f"entry: {{trial: {{{URL}, session: {{token: '{{{{ x }}}}'}}}}}}", "entry.trial.session.token"),
        (f"entry: {{trial: {{{URL}, cleanup: [{{name: a, url: x}}]}}}}", "entry.trial.cleanup[0].url"),
        (f"entry: {{token_endpoint: {{{URL}, headers: {{Host: a}}}}}}", "entry.token_endpoint.headers.Host"),
        (f"entry: {{token_endpoint: {{{URL}, token: a}}}}", "entry.token_endpoint"),
        (f"entry: {{token_endpoint: {{{URL}, room: a}}}}", "entry.token_endpoint.room"),
        (f"entry: {{token_endpoint: {{{URL}}}}}\n    marking: {{attributes: {{lk.a: b}}}}", "marking.attributes.lk.a"),
        (f"entry: {{direct: {{metadata: a}}}}\n    {KEY}", "entry.direct.metadata"),
        (f"entry: {{direct: {{}}}}\n    {KEY}\n    marking: {{identity: '{{{{ x }}}}'}}", "marking.identity"),
        (
            f"entry: {{direct: {{}}}}\n    {KEY}\n    marking: {{attributes: {{a: '{{{{ x }}}}'}}}}",
            "marking.attributes.a",
        ),
    ],
)
def test_what_is_wrong_in_an_entry_is_told_with_its_place(target: str, place: str, tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text(f"targets:\n  shop:\n    {target}\n")
    with pytest.raises(ConfigError) as refused:
        load(file, {"K": "key"})
    (line,) = refused.value.lines
    assert line.split(": ")[1] == f"targets.shop.{place}"
