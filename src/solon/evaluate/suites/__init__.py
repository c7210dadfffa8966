"""Suites: public benchmarks by declaration, and our own."""
