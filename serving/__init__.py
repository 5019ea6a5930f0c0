"""How a request is served: its visit, the guard before it, the unit around it. Endpoints know ``dependencies`` only."""
