"""The canary: runs on a timer, for months."""
