"""The `easel` subcommands, one small module each, imported only when it is called."""
