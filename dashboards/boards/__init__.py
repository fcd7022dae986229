"""What each board shows. One file per board; each ends in `board()`."""
