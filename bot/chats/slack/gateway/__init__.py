"""The connection: opened, watched and replaced; what comes over it is handed to incoming."""
