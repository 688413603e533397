"""The times of visits in rounds that take turns, and how they compare."""


def percentiles(times):
    """(p50, p99) of sorted times."""
    return times[len(times) // 2], times[len(times) * 99 // 100]


def table(title, rows):
    """A table of the medians over the rounds, and their ratios to the first of `rows`, which maps a name to the
    percentiles of each round."""
    lines = [f"| {title} | p50, ms | p99, ms | p50 | p99 |", "|---|---|---|---|---|"]
    base = None
    for name, values in rows.items():
        medians = [sorted(column)[len(column) // 2] for column in zip(*values)]
        base = base or medians
        cells = [f"{each:.3f}" for each in medians]
        cells += [f"{one / other:.2f} ×" for one, other in zip(medians, base)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
