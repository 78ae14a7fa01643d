"""Stories: articles of many outlets, in many languages, about one event."""
