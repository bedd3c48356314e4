"""What tests of the books start from."""

import pytest

from invoicing.models import Invoice
from tests.books import billed_january


@pytest.fixture
def billed(db: None) -> tuple[Invoice, Invoice]:
    """The commit's invoice and the month's, nothing booked yet."""
    return billed_january()
