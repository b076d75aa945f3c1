"""`fixtures`: the recorded sentences there are, whether one is fit, and how to add one's own voice and language.

What loads numpy, the sound library or the voice model is imported by the commands that hear.
"""

import contextlib
import re
import sys
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from prober import recordings
from prober.core.visible import visible
from prober.sidecar import Sidecar, SidecarError, beside, encode, read_sidecar, write_whole
from prober.sinks.live import say, show

if TYPE_CHECKING:
    from prober.examination import Heard
    from prober.voice import SileroGate

UNFIT = 2
"""A recording that cannot be said is a mistake in what the operator configured, never the target's failure."""


@click.group(short_help="List, check and add recorded sentences.")
def fixtures() -> None:
    """Recorded sentences: those there are, whether one is fit, and how to add your own voice and language."""


@fixtures.command("list", short_help="Show the recorded sentences of the package, or of a folder.")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def list_(folder: Path | None) -> None:
    """Show what each recorded sentence says, how long it is, and who may use it.

    Without FOLDER: the packaged ones, which `run --say` knows by their id. A recording in FOLDER that has no sidecar
    is not shown, nor is a JSON file that has no recording.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("id", "seconds", "speech", "lang"):
        table.add_column(title, no_wrap=True)
    table.add_column("says · voice · licence", overflow="fold")
    for path in sorted((folder or recordings.folder()).glob("*.json")):
        try:
            table.add_row(*(visible(cell, keep="\n") for cell in _row(path, read_sidecar(path))))
        except SidecarError as error:
            if any(other.suffix not in {".json", ".png"} for other in path.parent.glob(f"{escape(path.stem)}.*")):
                click.echo(visible(str(error)), err=True)
    with contextlib.suppress(OSError, SystemExit):  # rich exits on a pipe whose reader is gone
        Console(highlight=False, markup=False).print(table)


def _row(path: Path, sidecar: Sidecar) -> tuple[str, ...]:
    speech, duration, source = sidecar.speech, sidecar.audio.duration_ms, sidecar.source
    bounds = "none"
    if speech.onset_ms is not None and speech.end_ms is not None:
        bounds = f"{speech.onset_ms / 1000:.3f} - {speech.end_ms / 1000:.3f}"
    voice = source.call.voice if source.call is not None else None
    origin = ((source.engine or source.kind or "").partition(" (")[0], voice, source.licence)
    return (
        path.stem,
        "" if duration is None else f"{duration / 1000:.2f}",
        bounds,
        sidecar.language or "",
        "\n".join(line for line in (sidecar.transcript, " · ".join(part for part in origin if part)) if line),
    )


@fixtures.command(short_help="Say whether recordings are fit to be said.")
@click.argument("recording", nargs=-1, metavar="[ID|FILE]...")
def check(recording: Sequence[str]) -> None:
    """Hear recordings as a run would, and say whether they are fit. Without arguments: all packaged ones.

    A fault makes a recording unfit, and the exit code 2: no speech, a sidecar that does not fit it, a level or a
    length that no run can use. A note does not.
    """
    from prober.examination import examine

    console, gate, unfit = Console(highlight=False), _gate(), 0
    names = recording or recordings.ids()
    for name in names:
        opinion = examine(name, gate)
        unfit += bool(opinion.faults)
        words = f" · {_in_words(opinion.heard)}" if opinion.heard is not None else ""
        say(console, f"{name}: {'UNFIT' if opinion.faults else 'ok'}{words}")
        show(console, (f"  fault: {fault}" for fault in opinion.faults))
        show(console, (f"  note: {note}" for note in opinion.notes))
    say(console, f"{len(names)} heard, {unfit} unfit")
    sys.exit(UNFIT if unfit else 0)


@fixtures.command(short_help="Find the speech in a recording and write it into a sidecar.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--id", "name", metavar="NAME", help="Another name than the file's; a WAV copy of the file gets it.")
@click.option("--transcript", metavar="TEXT", help="What is said in it.")
@click.option("--language", metavar="TAG", help="The language it is said in, such as en or pt-BR.")
@click.option("--licence", metavar="TEXT", help="Who may use it.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Put a WAV copy with sidecar and picture into this folder, instead of both beside the file.",
)
@click.option("--force", is_flag=True, help="Write over what is there.")
def add(
    file: Path,
    *,
    name: str | None,
    transcript: str | None,
    language: str | None,
    licence: str | None,
    into: Path | None,
    force: bool,
) -> None:
    """Find where speech begins and ends in FILE, show it, and write it into a sidecar, which `run --say FILE` uses.

    FILE is a WAV file or any other that libsndfile reads (FLAC, OGG, MP3, …), of at most 60 seconds; it is never
    changed. The picture is also written as PNG: look whether the red lines stand where the speech begins and ends.
    """
    from prober.examination import as_wav, describe, examine_new
    from prober.pictures import as_png

    if language is not None and not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", language):
        raise click.BadParameter(f"{language!r} is no language tag, such as en or pt-BR.", param_hint="--language")
    place = _place(file, name, into)
    copied, picture = place.resolve() != file.resolve(), place.with_suffix(".png")
    made = (*((place,) if copied else ()), picture, beside(place))  # the sidecar comes last: with it all is there
    there = next((path for path in made if path.exists()), None)
    if there is not None and not force:
        raise click.UsageError(f"{there} is there already; --force writes over it.")

    opinion = examine_new(file, _gate(), converted=copied)
    if opinion.heard is None or opinion.faults:
        raise click.BadParameter(f"{'; '.join(opinion.faults).rstrip('.')}.", param_hint=f"'{file}'")
    console, heard = Console(highlight=False), opinion.heard
    say(console, f"{place}: {_in_words(heard)}")
    show(console, _picture(heard, console))
    show(console, (f"note: {note}" for note in opinion.notes))

    sidecar = describe(heard, place, language=language, transcript=transcript, licence=licence, origin=file)
    png = as_png(heard.sound.pcm, heard.sound.rate, heard.segments)
    contents = (*((as_wav(heard.sound),) if copied else ()), png, encode(sidecar))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for path, content in zip(made, contents, strict=True):
            write_whole(path, content)
    except OSError as error:
        raise click.UsageError(f"{place.parent} cannot be written: {error.strerror}.") from error
    say(console, f"wrote {', '.join(str(path) for path in made)}")
    say(console, f"say it with: --say {place if not recordings.is_id(str(place)) else f'./{place}'}")


def _place(file: Path, name: str | None, into: Path | None) -> Path:
    """Where the recording will lie: at its own place, unless it gets another folder or another name."""
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise click.BadParameter(f"{name!r} is no id: letters, digits, '-' and '_', at most 63.", param_hint="--id")
    if into is None and name in {None, file.stem}:
        return file
    return (into or file.parent) / f"{name or file.stem}.wav"


def _gate() -> "SileroGate":
    from prober.voice import SileroGate, VoiceGateError

    try:
        return SileroGate()
    except VoiceGateError as error:
        raise click.ClickException(str(error)) from error  # our own trouble, and no word about the recording


def _in_words(heard: "Heard") -> str:
    facts = heard.facts
    level = "" if facts.level is None else f", {facts.level:.0f} dBFS"
    where = f"speech {facts.speech[0][0]:.3f} - {facts.speech[-1][1]:.3f} s{level}" if facts.speech else "no speech"
    return f"{facts.seconds:.2f} s at {facts.rate} Hz · {where}"


def _picture(heard: "Heard", console: Console) -> list[str]:
    """The picture in the width of the terminal, in letters that it has."""
    from prober.pictures import ASCII, BLOCKS, as_text

    letters = BLOCKS if console.encoding.lower().startswith("utf") else ASCII
    return as_text(heard.sound.pcm, heard.sound.rate, heard.segments, max(20, console.width), letters)
