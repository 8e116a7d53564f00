"""The page with plots; it needs nothing else."""
import html as markup
import statistics

from report import (TITLES, figures, idle_table, in_use, is_ours, kind_table, preface, ratio_cell, short, workers_table,
                    workers_text)

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --bar: #9db4c8; --ours: #d2691e; --floor: #c8d3dc; --faint: #777; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --paper: #181a1b; --bar: #4d6478; --ours: #e08040; --floor: #333f49; --faint: #999; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 76rem;
       margin: 2rem auto; padding: 0 1rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem 2rem; }
figure { margin: 0; } figcaption { font-weight: 600; } figcaption small { font-weight: 400; color: var(--faint); }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
.bar { fill: var(--bar); }
.ours { fill: var(--ours); } .floor { fill: var(--floor); } .spread { stroke: var(--ink); stroke-width: 1.2; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .15rem .7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
"""
ROW, LEFT, WIDTH, RIGHT = 20, 96, 214, 60


def look(results, name):
    return "ours" if is_ours(results, name) else "bar" if name in results["peers"] else "floor"


def bar(y, name, runs, scale, look):
    found = figures(runs)
    middle = statistics.median(found)
    low, high = (LEFT + v / scale * WIDTH for v in (min(found), max(found)))
    center = y + ROW / 2
    spread = f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{center}" y2="{center}"/>' if len(found) > 1 else ""
    return (f'<text x="{LEFT - 6}" y="{center + 4}" text-anchor="end">{markup.escape(name)}</text>'
            f'<rect class="{look}" x="{LEFT}" y="{y + 3}" width="{middle / scale * WIDTH:.1f}" '
            f'height="{ROW - 6}"/>{spread}'
            f'<text x="{max(high, LEFT + middle / scale * WIDTH) + 5:.1f}" y="{center + 4}">{short(middle)}</text>')


def ratio_text(results, cells):
    """Weir's, to what it is compared with."""
    found = [ratio_cell(cells, "weir", others).replace("**", "") for others in (results["peers"], results["floors"])]
    return "; ".join(text for text in found if text != "–")


def plot(results, kind, column):
    cells = {n: r for n, r in results["runs"][kind][column.key].items() if figures(r)}
    names = [n for n in results["names"] if n in cells]
    if not names:
        return ""
    scale = max(max(figures(cells[n])) for n in names) or 1
    bars = "".join(bar(i * ROW, n, cells[n], scale, look(results, n)) for i, n in enumerate(names))
    return (f"<figure><figcaption>{markup.escape(column.title)} <small>{column.unit}; "
            f"weir: {ratio_text(results, cells)}"
            f'</small></figcaption><svg viewBox="0 0 {LEFT + WIDTH + RIGHT} {ROW * len(names)}" role="img" '
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


def html(results, columns):
    body = [f"<p>{markup.escape(line)}</p>" for line in preface(results)]
    for kind in results["runs"]:
        body.append(f"<h2>{TITLES[kind]}</h2><div class=plots>")
        body += [plot(results, kind, c) for c in in_use(results, kind, columns)]
        body.append("</div>" + html_table(kind_table(results, kind, columns)))
        body.append(html_table(idle_table(results, kind)))
    body += [f"<p>{markup.escape(workers_text(results))}</p>", html_table(workers_table(results))]
    return ("<!DOCTYPE html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>Weir: make bench</title><style>{STYLE}</style>"
            "<h1>Weir side by side with other proxies / ほかのプロキシとの比較</h1>"
            "<p>Shorter bars are better; the line in a bar goes from the lowest round to the highest. / "
            "棒は短いほど良く、棒の中の線は各回の最小から最大までです。 "
            "A floor is a relay that looks at nothing. / floor は中身を見ない中継です。</p>" + "\n".join(body) + "</html>\n")
