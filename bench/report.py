"""What a run of the bench says: tables in Markdown, and a page with plots that needs nothing else."""
import html as markup
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
    load: str               # bench-load's arguments
    figure: callable        # of one of its results, or None
    path: str = "/ws/"
    kinds: tuple = ("plain", "tls")


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


def ratio_cell(cells, name, peer_names):
    best = best_of(cells, peer_names)
    found = ratios(cells, name, best) if best else []
    if not found:
        return "–"
    spread = f" ({min(found):.2f} to {max(found):.2f})" if len(found) > 1 else ""
    return f"**{statistics.median(found):.2f}**{spread} of {best}"


def table(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * (len(rows[0]) - 1))
    return "\n".join(lines)


def kind_table(results, kind, columns, peer_names):
    runs = results["runs"][kind]
    columns = in_use(results, kind, columns)
    rows = [[TITLES[kind]] + [f"{c.title}, {c.unit}" for c in columns]]
    for name in results["names"]:
        rows.append([name] + [short(median(runs[c.key].get(name, []))) for c in columns])
    for name in results["names"]:
        if name not in peer_names and name != DIRECT:
            rows.append([f"{name} / best peer"] + [ratio_cell(runs[c.key], name, peer_names) for c in columns])
    return table(rows)


def others_cell(run):
    return f"{short(run['p99_us'])} ({short(run['late_p99_us'])})" if "p99_us" in run else "–"


def idle_table(results, kind):
    rows = [[f"{TITLES[kind]} idle", "opened", "alive at the end", "instances", "opened a second", "memory in all, MB",
             "bytes each", "p99 of others meanwhile (of it the load's own), µs"]]
    for name, (run, *_) in results["runs"][kind].get("idle", {}).items():
        if "opened" not in run:
            rows.append([name, run["fault"]] + [""] * 6)
            continue
        rows.append([name, str(run["opened"]), str(run["alive"]), str(run["instances"]),
                     short(run["opened"] / run["open_s"]) if run["open_s"] else "–", f"{run['memory'] / 1e6:.0f}",
                     short(run["bytes_each"]), others_cell(run.get("others", {}))])
    return table(rows) if len(rows) > 1 else ""


def preface(results):
    m = results["machine"]
    lines = [f"{m['when']}, kernel {m['kernel']}, load average {m['load']:.1f} before and {m['load_after']:.1f} after; "
             f"{results['rounds']} interleaved rounds of {results['seconds']} s, medians; the proxy on core "
             f"{','.join(map(str, m['proxy_cpus']))}, load and backend on {','.join(map(str, m['load_cpus']))}.",
             "CPU is the proxy's, of all its threads; a ratio is the median of the rounds' own (lowest to highest). "
             f"{DIRECT} is the backend in the proxy's place.",
             "Versions: " + ", ".join(f"{n} {v}" for n, v in results["versions"].items()) + "."
             if results["versions"] else ""]
    lines += [f"Note: {note}." for note in m["notes"]]
    lines.append(f"{results['compared']:,} messages were compared byte by byte, {results['wrong']} were wrong.")
    return [line for line in lines if line]


def markdown(results, columns, peer_names):
    parts = list(preface(results))
    for kind in results["runs"]:
        parts.append(kind_table(results, kind, columns, peer_names))
        parts.append(idle_table(results, kind))
    return "\n\n".join(part for part in parts if part)


# ---- the page -------------------------------------------------------------------------------------------------------

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --bar: #9db4c8; --ours: #d2691e; --faint: #777; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --paper: #181a1b; --bar: #4d6478; --ours: #e08040; --faint: #999; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem;
       margin: 2rem auto; padding: 0 1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem 2rem; }
figure { margin: 0; } figcaption { font-weight: 600; } figcaption small { font-weight: 400; color: var(--faint); }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
.bar { fill: var(--bar); } .ours { fill: var(--ours); } .spread { stroke: var(--ink); stroke-width: 1.2; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .15rem .7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
"""
ROW, LEFT, WIDTH, RIGHT = 20, 70, 240, 60


def bar(y, name, runs, scale, ours):
    found = figures(runs)
    middle = statistics.median(found)
    low, high = (LEFT + v / scale * WIDTH for v in (min(found), max(found)))
    center = y + ROW / 2
    spread = f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{center}" y2="{center}"/>' if len(found) > 1 else ""
    return (f'<text x="{LEFT - 6}" y="{center + 4}" text-anchor="end">{markup.escape(name)}</text>'
            f'<rect class="{"ours" if ours else "bar"}" x="{LEFT}" y="{y + 3}" width="{middle / scale * WIDTH:.1f}" '
            f'height="{ROW - 6}"/>{spread}'
            f'<text x="{max(high, LEFT + middle / scale * WIDTH) + 5:.1f}" y="{center + 4}">{short(middle)}</text>')


def plot(results, kind, column, peer_names):
    cells = {n: r for n, r in results["runs"][kind][column.key].items() if figures(r)}
    names = [n for n in results["names"] if n in cells]
    if not names:
        return ""
    scale = max(max(figures(cells[n])) for n in names) or 1
    bars = "".join(bar(i * ROW, n, cells[n], scale, n not in peer_names and n != DIRECT) for i, n in enumerate(names))
    ratio = ratio_cell(cells, "weir", peer_names).replace("**", "")
    return (f"<figure><figcaption>{markup.escape(column.title)} <small>{column.unit}; weir: {ratio}</small></figcaption>"
            f'<svg viewBox="0 0 {LEFT + WIDTH + RIGHT} {ROW * len(names)}" role="img" '
            f'aria-label="{markup.escape(column.title)}">{bars}</svg></figure>')


def html_table(text):
    """A table of markdown's making."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    out = []
    for i, row in enumerate(rows):
        if i != 1: # the line under the heads
            tag = "th" if i == 0 else "td"
            out.append("<tr>" + "".join(f"<{tag}>{markup.escape(c.replace('**', ''))}</{tag}>" for c in row) + "</tr>")
    return "<table>" + "\n".join(out) + "</table>" if rows else ""


def html(results, columns, peer_names):
    body = [f"<p>{markup.escape(line)}</p>" for line in preface(results)]
    for kind in results["runs"]:
        body.append(f"<h2>{TITLES[kind]}</h2><div class=plots>")
        body += [plot(results, kind, c, peer_names) for c in in_use(results, kind, columns)]
        body.append("</div>" + html_table(kind_table(results, kind, columns, peer_names)))
        body.append(html_table(idle_table(results, kind)))
    return ("<!DOCTYPE html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>Weir: make bench</title><style>{STYLE}</style>"
            "<h1>Weir side by side with other proxies / ほかのプロキシとの比較</h1>"
            "<p>Shorter bars are better; the line in a bar goes from the lowest round to the highest. / "
            "棒は短いほど良く、棒の中の線は各回の最小から最大までです。</p>" + "\n".join(body) + "</html>\n")
