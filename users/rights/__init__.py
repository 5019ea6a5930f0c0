"""Who holds what, and the rules by which rights change hands: for roles, teams, grants, accounts and invitations."""
