"""`palmyra top`: what is read (sample.py), how it is shown (screen.py), and the terminal (live.py)."""
