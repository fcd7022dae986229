"""What does each board show? One file per board; each ends in `board()`."""
