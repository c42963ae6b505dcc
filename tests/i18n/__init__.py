"""Tests of the room i18n."""
