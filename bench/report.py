"""What a run of the bench says: tables in Markdown. page.py makes the same a page."""
import statistics
from dataclasses import dataclass

TITLES = {"plain": "ws: and http:", "tls": "wss: and https:"}
DIRECT = "direct"


@dataclass
class Column:
    """One thing that is measured; a lower figure is better in all of them."""
    key: str
    title: str
    unit: str
    load: str = ""          # bench-load's arguments
    figure: callable = None # of one of its results, or None
    path: str = "/ws/"
    kinds: tuple = ("plain", "tls")
    spread: bool = False    # the lowest and the highest are told for each


def figures(runs):
    return [run["figure"] for run in runs if run.get("figure") is not None]


def median(runs):
    found = figures(runs)
    return statistics.median(found) if found else None


def best_of(cells, names):
    """The one of `names` with the lowest median."""
    known = [(median(cells[n]), n) for n in names if n in cells and median(cells[n]) is not None]
    return min(known)[1] if known else None


def ratios(cells, name, best):
    """Of each round by itself."""
    pairs = zip(cells.get(name, []), cells[best])
    return [a["figure"] / b["figure"] for a, b in pairs if a.get("figure") is not None and b.get("figure")]


def short(v):
    if v is None:
        return "–"
    if v >= 10000:
        return f"{v / 1000:.1f}k"
    return f"{v:.0f}" if v >= 100 else f"{v:.1f}" if v >= 10 else f"{v:.2f}"


def in_use(results, kind, columns):
    return [c for c in columns if c.key in results["runs"].get(kind, {})]


def is_ours(results, name):
    return name not in results["peers"] + results["floors"] + [DIRECT]


def ratio_cell(cells, name, others):
    """To the best of the others."""
    best = best_of(cells, others)
    found = ratios(cells, name, best) if best else []
    if not found:
        return "–"
    spread = f" ({min(found):.2f} to {max(found):.2f})" if len(found) > 1 else ""
    return f"**{statistics.median(found):.2f}**{spread} of {best}"


def figure_cell(runs, column):
    found = figures(runs)
    spread = f" ({short(min(found))} to {short(max(found))})" if column.spread and len(found) > 1 else ""
    return short(median(runs)) + spread


def table(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * (len(rows[0]) - 1))
    return "\n".join(lines)


def kind_table(results, kind, columns):
    runs = results["runs"][kind]
    columns = in_use(results, kind, columns)
    names = [n for n in results["names"] if any(n in runs[c.key] for c in columns)]
    rows = [[TITLES[kind]] + [f"{c.title}, {c.unit}" for c in columns]]
    for name in names:
        rows.append([name] + [figure_cell(runs[c.key].get(name, []), c) for c in columns])
    for title, others in (("best peer", results["peers"]), ("lowest floor", results["floors"])):
        for name in filter(lambda n: is_ours(results, n) and set(names) & set(others), names):
            rows.append([f"{name} / {title}"] + [ratio_cell(runs[c.key], name, others) for c in columns])
    return table(rows)


def latency(run):
    return f"{short(run['p99_us'])} / {short(run['max_us'])}" if "p99_us" in run else "–"


def idle_table(results, kind):
    rows = [[f"{TITLES[kind]} idle", "opened", "alive at the end", "instances", "opened a second",
             "memory before, MB", "with all open", "2 s after their end", "p99 / longest of others in quiet, µs",
             "while they were opened", "while all ended"]]
    for name, (run, *_) in results["runs"][kind].get("idle", {}).items():
        if not run.get("opened"):
            rows.append([name, run["fault"]] + [""] * 9)
            continue
        rows.append([name, str(run["opened"]), str(run["alive"]), str(run["instances"]),
                     short(run["opened"] / run["open_s"]) if run["open_s"] else "–",
                     *(f"{run[when] / 1e6:.1f}" for when in ("before", "memory", "after")),
                     *(latency(run[when]) for when in ("quiet", "opening", "ending"))])
    return table(rows) if len(rows) > 1 else ""


def workers_table(results):
    """Ratios are of each round, as everywhere."""
    found = results.get("workers", {"rows": {}})
    rows = [["two workers against one", "messages a second with 1", "with 2", "ratio", "CPU µs a message with 1",
             "with 2", "ratio"]]
    for name, by_threads in found["rows"].items():
        row = [name]
        for what in ("rate", "cpu_us"):
            cells = {n: [{"figure": run[what]} for run in runs] for n, runs in by_threads.items()}
            both = ratios(cells, "2", "1") if len(cells) == 2 else []
            spread = f"**{statistics.median(both):.2f}** ({min(both):.2f} to {max(both):.2f})" if both else "–"
            row += [short(median(cells.get(n, []))) for n in ("1", "2")] + [spread]
        rows.append(row)
    return table(rows) if len(rows) > 1 else ""


def workers_text(results):
    found = results.get("workers")
    if not found:
        return ""
    shared = "which load and backends share: no more than their idle time can be won" if not found["alone"] else \
             "load and backends on others"
    return f"Two workers against one: the proxy on cores {','.join(map(str, found['cpus']))}, {shared}."


def preface(results):
    m = results["machine"]
    lines = [f"{m['when']}, kernel {m['kernel']}, load average {m['load']:.1f} before and {m['load_after']:.1f} after; "
             f"{results['rounds']} interleaved rounds of {results['seconds']} s, medians; the proxy on core "
             f"{','.join(map(str, m['proxy_cpus']))}, load and backend on {','.join(map(str, m['load_cpus']))}.",
             "CPU is the proxy's, of all its threads; a ratio is the median of the rounds' own (lowest to highest). "
             f"{DIRECT} is the backend in the proxy's place, a floor is a relay that looks at no byte.",
             "Versions: " + ", ".join(f"{n} {v}" for n, v in results["versions"].items()) + "."
             if results["versions"] else ""]
    lines += [f"Note: {note}." for note in m["notes"]]
    lines.append(f"{results['compared']:,} messages were compared byte by byte, {results['wrong']} were wrong.")
    return [line for line in lines if line]


def markdown(results, columns):
    parts = list(preface(results))
    for kind in results["runs"]:
        parts += [kind_table(results, kind, columns), idle_table(results, kind)]
    parts += [workers_text(results), workers_table(results)]
    return "\n\n".join(part for part in parts if part)
