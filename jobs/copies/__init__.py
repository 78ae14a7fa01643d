"""Copies: articles that repeat the text of an earlier one, found and told apart."""
