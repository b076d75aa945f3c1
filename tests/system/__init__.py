"""Tests with programs from Debian: skipped with a reason where they are missing, which CI forbids."""
