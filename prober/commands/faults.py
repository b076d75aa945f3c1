"""`faults`: what can be broken in the reference stack, what a customer would see of it, and what a run says."""

import click


@click.command(short_help="List what `demo --fault` can break.")
def faults() -> None:
    """List the faults that `demo --fault NAME` puts into the reference stack, by where they sit.

    Beside each name stands what the run that shows it comes to, and below it what a customer would see.
    """
    for line in listing():
        click.echo(line)


def listing() -> list[str]:
    """The list, a line each."""
    from prober.refstack.effects import EFFECTS  # noqa: PLC0415 - the parent loads what it needs
    from prober.refstack.faults import Place  # noqa: PLC0415

    lines: list[str] = []
    for place in Place:
        lines.append(f"{'' if place is Place.TRIAL else chr(10)}{place[0].upper()}{place[1:]}")
        for fault, effect in EFFECTS.items():
            if effect.place is place:
                lines += [f"  {fault:26}→ {effect.verdict}", f"      {effect.customer}"]
    return lines
