"""The web page: aiohttp on one address, plain HTML, CSS and JavaScript, server-sent events."""
