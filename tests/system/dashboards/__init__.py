"""The dashboards over a month of data: what they ask of a real Prometheus, and how they look."""
