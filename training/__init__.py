"""How the bundled models were made. The program never imports it, and it is not installed."""
