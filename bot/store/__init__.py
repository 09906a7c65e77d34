"""Conversations, pictures and what people spent, in SQLite: `store` is what others talk to."""
