"""Customers asked for a review by mail, and the reviews that come back by the mailed links."""
