"""The measured comparisons: what the program's work costs beside the least the same work could cost.

Figures are ratios of medians of alternating runs on one machine, never absolute promises; nothing here is a test. What does
not depend on the machine (statements, rows, bytes, hashes) is counted in tests/test_counts.py.
"""
