"""Staff: users of the back-office, their roles, login and account pages."""
