"""Medians, ranges and ratios of measured values."""

import statistics


def summary(values):
    """Median and range of a list, or None if nothing was measured."""
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "count": len(values)}


def percentile(values, fraction):
    """The smallest value that is at least as large as `fraction` of all (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * fraction // 1))
    return ordered[min(len(ordered), int(rank)) - 1]


def ratio(values, base):
    """Of the medians, with the range of the ratios within each round; None where one is missing.

    Both are lists with one entry per round, None where the measurement failed.
    """
    ours = [v for v in values if v is not None]
    theirs = [v for v in base if v is not None]
    if not ours or not theirs or statistics.median(theirs) == 0:
        return None
    paired = [a / b for a, b in zip(values, base) if a is not None and b]
    return {"ratio": statistics.median(ours) / statistics.median(theirs),
            "min": min(paired, default=None), "max": max(paired, default=None)}
