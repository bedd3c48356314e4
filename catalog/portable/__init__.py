"""Prices as code: everything a price needs as one file, for version control and for the way from staging to production.

`exporting` writes what is here as a `document`, `planning` says what a document would change, `checking` what of it
cannot be done, `report` what it means, `applying` asks for it. `nodes`, `shapes` and `writing` are the text itself.
"""
