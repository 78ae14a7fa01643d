"""What an article is about: enrichers, each a small module behind one interface.

`jobs.enrich.enricher` is the interface, `jobs.enrich.names` says which there are, `jobs.enrich.loading` loads
them, `jobs.enrich.run` runs them on one article. Loading is not cheap: only what extracts does it, and `warm`
does it before a pool forks.
"""
