"""A hub on loopback: it speaks as much of the real one's protocol as the client asks for, and errs on request."""
