"""Stateful stand-ins for the outside, over real HTTP.

Owns: what Stripe and Salesforce answer to the requests we make, and, above all, what they refuse.
Does not own: anything of ours. Nothing here imports Django or the product: a fake is a judge, no accomplice.
Always true: a request the real service would refuse is refused; a parameter that is valid there but not
played here answers 501 rather than being silently ignored.
"""
