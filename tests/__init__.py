"""Tests of Padrón: ``make test``."""
