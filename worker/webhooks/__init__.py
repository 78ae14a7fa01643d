"""Webhooks: the events of the stream, posted to URLs of subscribers. Signed as Standard Webhooks has it."""
