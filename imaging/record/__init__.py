"""The durable record of every job: the port, SQLite behind it, and an in-memory twin that passes the same tests."""
