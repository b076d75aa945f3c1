"""The ways in: each ends in a Session (server, room, token), or in an RunFault that says what stood in the way."""
