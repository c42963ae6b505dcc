"""Commands and initial data of custom fields."""
