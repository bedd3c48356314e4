"""Insights: what it all means.

Owns: the dashboard, the checks of the books, and the questions that cross stages of the chain.

Does not own: any table of facts; it reads what the stages below have recorded.

Always true: it changes nothing.
"""
