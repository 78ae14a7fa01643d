"""From a page's bytes and what its feed said to a draft of the article.

Importing this package is not cheap (lxml, trafilatura, the language model): only what extracts loads it, and
`warm` does it once, before a pool forks.
"""

from jobs.extract.draft import Draft
from jobs.extract.pipeline import extract
from jobs.extract.warm import warm

__all__ = ["Draft", "extract", "warm"]
