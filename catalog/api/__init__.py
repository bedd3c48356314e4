"""The API of the catalog: what is sold and at what price, as of any instant; and the verbs that change it.

Reading takes the scope catalog:read, writing catalog:write; people signed in need the permission the admin asks for.
What things cost us and what a change means in money is for those who maintain prices: catalog:write, or the permission
to see margins.
"""

from catalog.api import cards, charges, code, drafts, features, products, rules, versions

# Rules come first: `rate-cards/select` is a question, not a card.
_parts = [rules, products, features, cards, versions, drafts, charges, code]
urlpatterns = [entry for part in _parts for entry in part.urlpatterns]
