"""The figures in words."""

from bench.store_growth.measuring import FEW, Growth

GIB = 1 << 30


def report(growth: Growth) -> str:
    """The figures, for a person to read."""
    lines = [
        f"find among {FEW:,}: {growth.few:.0f} µs, among {growth.answers.documents:,}: {growth.many:.0f} µs (medians)",
        f"  ratio {growth.ratio:.2f}; the driver's bare find_one: {growth.floor:.0f} µs",
    ]
    for name, size in (("answers", growth.answers), ("history", growth.history)):
        disk, ids, cache = (bytes_each * 1e8 / GIB for bytes_each in (size.disk + size.indexes, size.ids, size.cache))
        lines += [
            f"{name}: {size.documents:,} documents, {size.raw:.0f} bytes each as BSON",
            f"  on disk {size.disk:.0f} and {size.indexes:.0f} of indexes",
            f"  in memory, all of it read, {size.cache:.0f}, of them the index of _id {size.ids:.0f}",
            f"  100 million: {disk:.0f} GiB on disk; memory {ids:.0f} GiB for the index of _id, {cache:.0f} GiB for all",
        ]
    return "\n".join(lines)
