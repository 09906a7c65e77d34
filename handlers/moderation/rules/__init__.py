"""The bundled rule files."""
