"""What happens when something arrives: a message, a command, a button, a vote. Knows no platform."""
