"""The running program: command line, settings, wiring, and everything that talks to the outside."""
