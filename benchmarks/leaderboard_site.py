"""Speed and size of the leaderboard's site: 200 models, 10 metrics, 8 sources, two protocols.

    python benchmarks/leaderboard_site.py              # about a minute; needs chromium and playwright
    python benchmarks/leaderboard_site.py --keep SITE

Built in how many seconds (as its own process) and megabytes, painted after how many milliseconds, and each sort from
the click on a header until the rows stand in their new order and are laid out, as the browser's own clock has it;
beside it the processor time of a sort, which a busy machine doesn't stretch.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "leaderboards"))
from site_boards import board

from medvidbench.leaderboards.published_rows import published_entries

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
TARGETS = "targets: 10 s, 1.5 MB, 1,000 ms to first paint, 50 ms a sort"
BUILD = """
import sys
from pathlib import Path
from medvidbench.leaderboards.site.build import build_site
build_site(Path(sys.argv[1]), Path(sys.argv[2]))
"""
SORT = """
(column) => new Promise((done) => {
  const head = document.querySelector(`#models th[data-column="${column}"]`);
  const before = head.ariaSort;
  let start = 0;
  const look = () => {
    if (head.ariaSort === before) return;
    observer.disconnect();
    document.querySelector("#models").getBoundingClientRect();
    done(performance.now() - start);
  };
  const observer = new MutationObserver(look);
  observer.observe(document.querySelector("#models"), { subtree: true, childList: true, attributes: true });
  start = performance.now();
  head.querySelector(".dt-column-order").click();
})
"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
READY = """
() => new Promise((done) => {
  const look = () => document.documentElement.dataset.ready ? done(performance.now()) : requestAnimationFrame(look);
  look();
})
"""


def build(content: Path, out: Path) -> None:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", BUILD, str(content), str(out)], check=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"built in {seconds:.1f} s ({busy:.1f} s of one core, load {os.getloadavg()[0]:.1f}); start included")
    files = [p for p in out.rglob("*") if p.is_file()]
    page = (out / "index.html").stat().st_size / 1e6
    print(f"page {page:.2f} MB; {len(files)} files, {sum(p.stat().st_size for p in files) / 1e6:.1f} MB")


def measure(page: Any, site: Path, scope: str) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto("about:blank")
    page.goto((site / "index.html").as_uri() + f"#scope={scope}")
    ready = page.evaluate(READY)
    page.wait_for_timeout(200)
    said = page.locator("#count").inner_text()
    print(f"{scope}: {said}, first paint {page.evaluate(PAINT):.0f} ms, table ready {ready:.0f} ms")
    heads = page.eval_on_selector_all("#models th[data-column]", "all => all.map((th) => th.dataset.column)")
    before = busy(session)
    times = [page.evaluate(SORT, head) for head in heads for _ in range(2)]
    alone = 1000 * (busy(session) - before) / len(times)
    print(f"  sorts: {len(times)}, median {statistics.median(times):.1f} ms, longest {max(times):.1f} ms", end="")
    print(f"; script, style and layout took {alone:.1f} ms of the page's own thread each")


def busy(session: Any) -> float:
    """Seconds of processor time that the page's thread has spent on script, style and layout."""
    found = {item["name"]: item["value"] for item in session.send("Performance.getMetrics")["metrics"]}
    return float(found["ScriptDuration"] + found["RecalcStyleDuration"] + found["LayoutDuration"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--sources", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="where to leave the site")
    options = parser.parse_args()
    print(TARGETS)
    with tempfile.TemporaryDirectory() as folder:
        content, site = Path(folder) / "leaderboard.json", options.keep or Path(folder) / "site"
        content.write_text(board(options.models, options.sources, published_entries()).to_json(), encoding="utf-8")
        build(content, site)
        from playwright.sync_api import sync_playwright

        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            for scope in ("verified", "all"):
                measure(page, site, scope)
            browser.close()


if __name__ == "__main__":
    main()
