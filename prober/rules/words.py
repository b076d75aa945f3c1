"""What an alert says: templates of Prometheus for its annotations. Pure."""

from prober.rules.promql import series

SAYS = "{{ $labels.target }}/{{ $labels.scenario }}"
"""Which line it is about."""
SHARE = "{{ $value | humanizePercentage }}"


def last_runs(*labels: str) -> str:
    """What the last runs with the alert's values of these labels came to: reasons, or `pass`, `inconclusive`."""
    return _listed(f"count by (outcome) ({_selector('last_run_outcome', labels)} == 1)", "outcome", labels)


def causes(*labels: str) -> str:
    """Why the last runs with the alert's values of these labels failed, and what to do; nothing where it is not known.

    The words are the prober's own; what a log says is not in them, but for the name of what is missing.
    """
    query = f"count by (cause, meaning, fix) ({_selector('last_run_diagnosis_info', labels)})"
    return (
        f'{{{{ range printf `{query}` {_values(labels)} | query | sortByLabel "cause" }}}}'
        " Cause {{ .Labels.cause }}: {{ .Labels.meaning }} Fix: {{ .Labels.fix }}{{ end }}"
    )


def most_often(window: str, *labels: str) -> str:
    """The reason of most failed scheduled runs in this window."""
    failures = _selector("run_failures_total", labels, trigger="scheduled")
    return _listed(f"topk(1, sum by (reason) (increase({failures}[{window}])) > 0)", "reason", labels)


def _selector(name: str, labels: tuple[str, ...], **fixed: str) -> str:
    """The series with the alert's own values of these labels; one that it does not have, they must not have."""
    bare = series(name, **fixed).removesuffix("}")
    return bare + (", " if fixed else "{") + ", ".join(f"{label}=%q" for label in labels) + "}"


def _listed(query: str, label: str, labels: tuple[str, ...]) -> str:
    """The values of a label in what the query finds now; `unknown` where it finds nothing."""
    found = f'printf `{query}` {_values(labels)} | query | sortByLabel "{label}"'
    shown = f'{{{{ if $i }}}}, {{{{ end }}}}{{{{ label "{label}" $one }}}}'
    return f"{{{{ range $i, $one := {found} }}}}{shown}{{{{ else }}}}unknown{{{{ end }}}}"


def _values(labels: tuple[str, ...]) -> str:
    """The alert's own, as arguments of a query's `%q`."""
    return " ".join(f"$labels.{each}" for each in labels)
