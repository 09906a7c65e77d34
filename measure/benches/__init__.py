"""`easel bench NAME`: how fast it is. One module each, with `run(arguments) -> Report`."""
