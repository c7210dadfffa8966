"""Incidents: opened, classified, frozen, reported in time, put right with a test that shows it, closed and exported."""
