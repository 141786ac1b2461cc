"""The look of the report: its style sheet and the few lines of script that enlarge a picture."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fcfbf9; --raised: #ffffff; --ink: #20201e; --quiet: #6b6962; --line: #e6e3dc;
  --before: #b98d48; --after: #2b7a68; --clean: #5b6fa8; --harm: #b8503a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #151514; --raised: #1c1c1a; --ink: #e8e6e0; --quiet: #9b988f; --line: #302f2c;
    --before: #d5ab6a; --after: #68bfa8; --clean: #93a6da; --harm: #e58a70;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 70rem; margin: 0 auto; padding: clamp(1.5rem, 5vw, 4.5rem) clamp(1rem, 4vw, 2.5rem) 4rem; }
p { max-width: 42rem; margin: 0 0 1rem; text-wrap: pretty; }
small { font-size: .8125rem; color: var(--quiet); }
.quiet { color: var(--quiet); }
.over { font-size: .875rem; color: var(--quiet); margin: 0 0 .75rem; }
h1, h2 { font-weight: 600; }
h1 { font-size: clamp(1.75rem, 1.2rem + 2.2vw, 2.625rem); line-height: 1.15; margin: 0 0 1rem; max-width: 24ch; text-wrap: balance; letter-spacing: -.02em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .25rem; letter-spacing: -.01em; }
section { margin-top: clamp(2.75rem, 6vw, 4.5rem); }
.lede { font-size: 1.0625rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1.5rem 1.25rem; margin: 2.25rem 0 0; }
.figures div { border-top: 1px solid var(--line); padding-top: .75rem; }
.figures dt { font-size: .875rem; color: var(--quiet); }
.figures dd { margin: .125rem 0 0; font-size: 1.625rem; line-height: 1.25; letter-spacing: -.01em; }
.figures dd small { letter-spacing: 0; }
.figures dd + dd { font-size: .8125rem; line-height: 1.4; color: var(--quiet); letter-spacing: 0; }
.scroll { overflow-x: auto; margin: 1.25rem calc(-1 * clamp(1rem, 4vw, 2.5rem)) 0; padding: 0 clamp(1rem, 4vw, 2.5rem); }
table { border-collapse: collapse; min-width: 100%; }
th, td { text-align: right; padding: .625rem .5rem .625rem 1.25rem; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; line-height: 1.35; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { font-weight: 500; }
thead th { font-size: .875rem; color: var(--quiet); vertical-align: bottom; }
tbody th small { display: block; font-weight: 400; white-space: normal; max-width: 18rem; min-width: 9rem; }
td small { display: block; }
tr.strong td, tr.strong th { background: color-mix(in srgb, var(--after) 8%, transparent); }
tr.strong th:first-child { box-shadow: -.75rem 0 0 color-mix(in srgb, var(--after) 8%, transparent); }
.better { color: var(--after); } .worse { color: var(--harm); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 2rem 2.25rem; margin-top: 1.25rem; }
figure { margin: 0; }
.chart { max-width: 30rem; }
.chart figcaption { font-size: .9375rem; }
.chart b { font-weight: 600; }
.chart svg { display: block; width: 100%; height: auto; margin-top: .25rem; overflow: visible; }
.key { font-size: .8125rem; color: var(--quiet); margin-right: 1rem; white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: .625rem; height: .625rem; border-radius: 50%; margin-right: .375rem; background: currentColor; }
.key.before::before { background: var(--before); } .key.after::before { background: var(--after); } .key.clean::before { background: var(--clean); }
.bar { fill: var(--after); fill-opacity: .62; } .bar.before { fill: var(--before); } .bar.clean { fill: var(--clean); } .bar.harm { fill: var(--harm); }
.axis { stroke: var(--quiet); stroke-width: .75; } .grid { stroke: var(--line); } .zero { stroke: var(--ink); stroke-dasharray: 2 3; }
.mean { stroke: var(--after); stroke-width: 1.5; } .mean.before { stroke: var(--before); } .mean.clean { stroke: var(--clean); }
.tick { font-size: 11.5px; fill: var(--quiet); } .name { font-size: 12.5px; fill: var(--ink); }
.value { font-size: 12px; font-weight: 600; fill: var(--after); } .value.before { fill: var(--before); } .value.clean { fill: var(--clean); } .value.harm { fill: var(--harm); }
.link { stroke: var(--after); stroke-width: 2.5; opacity: .45; } .link.harm { stroke: var(--harm); }
.link.open { stroke: var(--quiet); } .dot.open, .value.open { fill: var(--quiet); }
.dot { fill: var(--after); } .dot.before { fill: var(--before); } .dot.harm { fill: var(--harm); }
.faces { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 29rem), 1fr)); gap: 2rem 1.75rem; margin-top: 1.25rem; }
.triplet { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4px 6px; }
.triplet.large { gap: 6px 10px; margin-top: 1.25rem; }
.triplet.four { grid-template-columns: repeat(4, 1fr); } .faces.wide { grid-template-columns: 1fr; }
summary { cursor: pointer; font-weight: 500; } details table { font-size: .875rem; }
.triplet button { all: unset; display: block; cursor: zoom-in; border-radius: 5px; overflow: hidden; }
.triplet button:focus-visible { outline: 2px solid var(--after); outline-offset: 2px; }
.triplet img { display: block; width: 100%; height: auto; background: var(--line); }
.triplet .said { font-size: .8125rem; line-height: 1.4; color: var(--quiet); margin: .375rem 0 0; }
.triplet .said b { color: var(--ink); font-weight: 500; }
.triplet figcaption { grid-column: 1 / -1; display: flex; justify-content: space-between; gap: 1rem; font-size: .8125rem; color: var(--quiet); }
.triplet figcaption span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.triplet figcaption b { font-weight: 600; white-space: nowrap; }
dl.facts { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .375rem 1.5rem; margin: 1rem 0 0; font-size: .9375rem; }
dl.facts dt { color: var(--quiet); } dl.facts dd { margin: 0; overflow-wrap: anywhere; max-width: 46rem; }
dialog { border: 0; padding: 0; margin: auto; background: #111110; color: #e8e6e0; width: 100vw; height: 100dvh; max-width: none; max-height: none; }
dialog[open] { display: grid; grid-template-rows: 1fr auto; }
dialog img { width: 100%; height: 100%; object-fit: contain; min-height: 0; cursor: pointer; image-rendering: auto; }
dialog .bar-below { display: flex; flex-wrap: wrap; justify-content: center; align-items: center; gap: .5rem; padding: .75rem 1rem calc(.75rem + env(safe-area-inset-bottom)); }
dialog button { font: inherit; font-size: .9375rem; color: inherit; background: transparent; border: 1px solid #4a4945; border-radius: 99px; padding: .375rem 1rem; cursor: pointer; }
dialog button[aria-pressed=true] { background: #e8e6e0; color: #151514; border-color: #e8e6e0; }
dialog .close { border-color: transparent; margin-left: 1rem; }
dialog :focus-visible { outline: 2px solid #68bfa8; outline-offset: 2px; }
@media (max-width: 40rem) {
  .figures { grid-template-columns: 1fr 1fr; }
  .triplet.large { grid-template-columns: 1fr; gap: 1rem; }
  .triplet.four { grid-template-columns: 1fr 1fr; }
  .triplet.large .said { display: flex; flex-wrap: wrap; gap: 0 .75rem; } .triplet.large .said br { display: none; } .triplet.large .said .more { display: inline; }
  tbody th small { display: none; } th, td { padding-left: .875rem; }
  dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: .75rem; }
  .triplet:not(.large) .said .more { display: none; } .triplet:not(.large) .said { font-size: .75rem; }
  dialog .bar-below { gap: .375rem; } dialog button { padding: .375rem .75rem; } dialog .close { margin-left: 0; }
}
@media print { .triplet, .chart { break-inside: avoid; } dialog { display: none; } }
"""

SCRIPT = """
const dialog = document.querySelector("dialog"), large = dialog.querySelector("img");
const choices = [...dialog.querySelectorAll("[data-show]")];
let pictures = [], shown = 0;
function show(which) {
  shown = (which + pictures.length) % pictures.length;
  large.src = pictures[shown].src;
  large.alt = pictures[shown].alt;
  choices.forEach((choice, place) => choice.setAttribute("aria-pressed", place === shown));
}
document.querySelectorAll(".triplet button").forEach((button) => button.addEventListener("click", () => {
  const all = [...button.closest(".triplet").querySelectorAll("button")];
  pictures = all.map((each) => each.querySelector("img"));
  show(all.indexOf(button));
  dialog.showModal();
}));
choices.forEach((choice, place) => choice.addEventListener("click", () => show(place)));
large.addEventListener("click", () => show(shown + 1));
dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "ArrowLeft") show(shown - 1);
});
"""
