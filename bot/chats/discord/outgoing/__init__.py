"""What is shown and told, as messages of the platform."""
