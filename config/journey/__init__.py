"""One customer's story from a published price to booked cash, played without a person through the real doors."""
