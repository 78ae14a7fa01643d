"""Feeds: which there are, when each is asked next, and what their documents say."""
