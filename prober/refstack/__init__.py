"""A voice product in miniature, all real, all on this machine: what demo, tests and calibration run against."""
