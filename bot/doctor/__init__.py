"""`easel doctor`: each part of the program checked by a file of its own."""
