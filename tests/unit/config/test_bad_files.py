"""One bad file for each rule in `bad/`, beside the exact words that it is refused with."""

from pathlib import Path

import pytest

from prober.config.loading import load
from prober.config.problems import ConfigError

BAD = Path(__file__).parent / "bad"
ENVIRONMENT = {
    "SET": "hunter3",
    "TOKEN": "eyJh.eyJodW50ZXI1.hunter5",
    "EMPTY": "",
    "LINES": "hunter\n4",
    "BYTES": "hunter\udcff",
}
FILES = sorted(BAD.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_these_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as refused:
        load(Path(path.name), ENVIRONMENT, exposed=True)
    assert f"{refused.value}\n" == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert "hunter" not in f"{refused.value}{refused.value!r}"  # what is secret in the files, and in the environment


def test_every_bad_file_has_its_words_and_every_words_their_file() -> None:
    assert {path.stem for path in FILES} == {path.stem for path in BAD.glob("*.txt")}
    assert len(FILES) > 90


def test_all_targets_problems_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "targets:\n"
        "  one:\n    entry: {trial: {url: 'https://one.example/'}}\n    ready: stat\n"
        "  two:\n    entry: {trial: {url: 'https://two.example/'}}\n    objectives: {yield_time: 1}\n"
        "    secrets: {coupon: '${EMPTY}'}\n"
    )
    with pytest.raises(ConfigError) as refused:
        load(file, ENVIRONMENT)
    assert [line.removeprefix(f"{file}:").split(": ")[:2] for line in refused.value.lines] == [
        ["4", "targets.one.ready"],
        ["7", "targets.two.objectives.yield_time"],
        ["8", "targets.two.secrets.coupon"],
    ]


def test_a_file_that_is_too_large_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * 300_000)
    with pytest.raises(ConfigError, match=r"large.yaml: is larger than 256 KiB\."):
        load(large, {})
    with pytest.raises(ConfigError, match=r"nowhere.yaml: cannot be read: No such file or directory\."):
        load(tmp_path / "nowhere.yaml", {})
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory\."):
        load(tmp_path, {})
