"""What happened, what it means: values and pure functions; no clock, no file, no network, no asyncio."""
