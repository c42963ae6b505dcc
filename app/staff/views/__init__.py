"""Screens of staff: signing in, one's own profile, users and roles."""
