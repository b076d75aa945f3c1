"""Where a run record goes: each sink takes the same value."""
