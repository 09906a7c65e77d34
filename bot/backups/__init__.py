"""Backups of a home: what is in one, how it is written, locked with a passphrase, and read again."""
