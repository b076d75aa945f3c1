"""Recording rules and alerts for Prometheus, from the metric schema and the objectives of a configuration."""
