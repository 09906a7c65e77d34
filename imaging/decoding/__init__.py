"""Opening pictures that come from outside: looked over first, decoded in a process of its own."""
