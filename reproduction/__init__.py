"""What turns the library into the paper: runs of notebooks, their numbers, tables and figures."""
