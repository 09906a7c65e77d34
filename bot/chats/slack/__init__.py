"""Slack: the same sessions, native. `chat.SlackChat` is the Chat port; the other files are its parts."""
