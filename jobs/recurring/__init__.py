"""What recurs in the articles of one site: noticed, remembered with decay, and left out.

`signs` says what of an article may recur, `memory` counts it, `verdict` and `lines` say what of a text is the
site's rather than the article's, `titles` does so for titles, `store` keeps the memories in Redis.
"""
