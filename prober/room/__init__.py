"""The LiveKit room: the only importer of `livekit.rtc` on the way of a run."""
