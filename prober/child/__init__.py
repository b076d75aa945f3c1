"""A run is a process: LiveKit's SDK can take its host down, and must not take ours."""
