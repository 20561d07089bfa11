"""Findings: limits."""
