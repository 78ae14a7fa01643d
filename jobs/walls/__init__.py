"""What stands where the article should be: challenges, walls, error pages served as pages.

Precise rather than greedy: each rule wants proof that no article says (a vendor's own header, its script on a
page without text, a redirect to a login), so that an article *about* walls or errors is never taken for one.
No rule knows a site; the names of protection products are theirs, not sites'.

* `challenge`: bot walls, by status, headers and markers. Looked for as soon as a page is downloaded.
* `landing`: what the URL tells where the redirects ended.
* `error_titles`, `forms`: what a page's words tell, once they are extracted (jobs/extract/instead.py).
"""

from jobs.walls.challenge import challenger
from jobs.walls.landing import landed

__all__ = ["challenger", "landed"]
