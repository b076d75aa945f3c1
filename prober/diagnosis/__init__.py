"""Where the causes of a failed run are looked for: LiveKit's server and the agent's log. It explains, never judges.

What is found becomes an event of the run; `core.diagnosis` makes the explanation of all of them.
"""
