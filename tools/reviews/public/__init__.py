"""What the public reads of reviews, for the tenant's website."""
