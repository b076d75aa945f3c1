"""The ways in: each ends in a Session (server, room, token), or in a RunFault that says what stood in the way."""
