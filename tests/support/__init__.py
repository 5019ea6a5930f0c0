"""What the tests share: real servers, two twin tenants, a counter of round trips."""
