"""Accounts: the companies and organisations that contacts belong to."""
