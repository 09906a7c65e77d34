"""The places where people talk: event → Incoming, Reply → post, and nothing else."""

from __future__ import annotations


class ChatNotStarted(Exception):
    """`str(error)` is the sentence for the person who starts the program."""
