"""The verbs of the command line, one module each: they and `prober.cli` are all that prints or exits."""
