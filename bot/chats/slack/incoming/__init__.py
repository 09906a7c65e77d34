"""What people do, as values of the handlers: messages, commands, buttons, forms."""
