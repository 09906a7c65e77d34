"""`easel eval NAME`: how well the models do. One module each, with `run(arguments) -> Report`."""
