"""The queue without an engine: who waits how long, and what a durable record costs."""
