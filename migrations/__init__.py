"""The two migration trees, ``system`` and ``tenant``, and the programs that apply them.

``bootstrap`` prepares a database (roles, system schema), ``provision`` creates a tenant, ``fleet`` upgrades them all.
"""
