#pragma once

#include <string_view>

namespace rathole::admin {

/// The style sheet of the dashboard, served at `/dashboard.css`.
inline constexpr std::string_view dashboard_style = R"style(:root {
  color-scheme: light dark;
  --page: light-dark(#f4f6f8, #11151b);
  --surface: light-dark(#fff, #191f27);
  --raised: light-dark(#f5f7f9, #1f2630);
  --text: light-dark(#1b2430, #e3e8ee);
  --muted: light-dark(#566273, #9ba7b6);
  --line: light-dark(#dce1e7, #2c3541);
  --control: light-dark(#8b96a5, #66727f);
  --accent: light-dark(#1f5fbf, #84b6ff);
  --good: light-dark(#17703f, #57cc90);
  --good-back: light-dark(#e3f4ea, #143224);
  --bad: light-dark(#b3261e, #ff8f87);
  --bad-back: light-dark(#fdeceb, #3b1c1c);
  --warn: light-dark(#805400, #e8bd5f);
  --warn-back: light-dark(#fdf3dc, #372b12);
  --received: light-dark(#1f6fd6, #6db0ff);
  --sent: light-dark(#c2560c, #ffa463);
}

* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0;
  background: var(--page);
  color: var(--text);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums;
}
h1, h2, p, dl, dd, ol { margin: 0; padding: 0; }
h1, h2 { font-size: 1.1rem; font-weight: 600; }
h1 span, h2 span { font-weight: 400; }
a { color: var(--accent); }
.muted { color: var(--muted); font-size: .875rem; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 1rem; top: -5rem; padding: .5rem 1rem; background: var(--surface); z-index: 3; }
.skip:focus { top: .5rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
main:focus { outline: none; }

button, input, select, textarea {
  min-height: 2.25rem;
  padding: .35rem .7rem;
  border: 1px solid var(--control);
  border-radius: 6px;
  background: var(--surface);
  color: inherit;
  font: inherit;
}
button { cursor: pointer; white-space: nowrap; }
button:not(.primary, .danger):hover { background: var(--raised); }
button:disabled, [aria-disabled] { opacity: .5; cursor: default; }
.primary, .danger { border-color: var(--accent); background: var(--accent); color: var(--surface); font-weight: 550; }
.danger { border-color: var(--bad); background: var(--bad); }
[aria-invalid] { border-color: var(--bad); box-shadow: 0 0 0 1px var(--bad); }
textarea { font: .85rem/1.45 ui-monospace, monospace; resize: vertical; }
::placeholder { color: var(--muted); opacity: .8; }

header { background: var(--surface); border-bottom: 1px solid var(--line); }
.bar, header nav, main { max-width: 96rem; margin: 0 auto; padding: 0 1.5rem; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .9rem; padding-block: .75rem; }
.actions { display: flex; flex-wrap: wrap; gap: .5rem; margin-left: auto; }
header nav { display: flex; gap: 1.5rem; }
header nav a { padding: .4rem 0; border-bottom: 3px solid transparent; color: var(--muted); text-decoration: none; }
header nav a[aria-current] { border-color: var(--accent); color: var(--text); font-weight: 550; }

.badge { display: inline-block; padding: .1rem .65rem; border-radius: 1rem; background: var(--warn-back); color: var(--warn); font-size: .8125rem; font-weight: 550; overflow-wrap: anywhere; }
.badge.good { background: var(--good-back); color: var(--good); }
.badge.bad { background: var(--bad-back); color: var(--bad); }
.banner { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1rem; padding: .6rem 1.5rem; background: var(--bad-back); color: var(--bad); overflow-wrap: anywhere; }
.banner button { color: var(--text); }
#notice { position: fixed; inset: auto 1rem 1rem; z-index: 2; max-width: 36rem; margin: 0 auto; padding: .7rem 1rem; border-radius: 8px; background: var(--text); color: var(--surface); overflow-wrap: anywhere; }
#notice:empty { display: none; }

main { padding-block: 1.25rem 4rem; }
main.stale > :not(#tokenForm) { opacity: .5; }
.card, #totals div { padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: 10px; background: var(--surface); }
.card { margin-bottom: 1.25rem; }
.section-head { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem 1rem; margin-bottom: .75rem; }
.section-head h2 { margin-right: auto; }
.section-head [type="search"] { width: 16rem; }
#onlyService { overflow-wrap: anywhere; }
.empty { padding: 1.5rem 0; color: var(--muted); text-align: center; }
#tokenForm { max-width: 30rem; margin: 3rem auto; display: grid; gap: .75rem; }

#totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1rem; margin-bottom: 1.25rem; }
dt, #totals small { color: var(--muted); font-size: .8125rem; font-weight: 400; }
small { white-space: nowrap; }
#totals dd { font-size: 1.35rem; font-weight: 600; }

#chart { display: block; width: 100%; height: 200px; }
#chart text { fill: var(--muted); font-size: 12px; }
#chart line { stroke: var(--line); }
#chart path { fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linejoin: round; }
.received { color: var(--received); }
.sent { color: var(--sent); stroke-dasharray: 5 2.5; }
#chart .area { fill: currentColor; fill-opacity: .12; stroke: none; }
.key { font-size: .875rem; }
.key::before { content: ""; display: inline-block; width: 1.4em; margin-right: .4em; border-top: 3px solid; vertical-align: middle; }
.key.sent::before { border-top-style: dashed; }

/* Each row is a grid, so that the browser can skip the layout of rows out of sight. */
.rows, .rows thead, .rows tbody { display: block; }
.rows tr { position: relative; display: grid; grid-template-columns: var(--columns); column-gap: 1rem; align-items: center; padding: .45rem .25rem; border-bottom: 1px solid var(--line); }
.rows tbody tr { content-visibility: auto; contain-intrinsic-size: auto 3.6rem; }
.rows tbody tr:hover { background: var(--raised); }
.rows thead { position: sticky; top: 0; z-index: 1; background: var(--surface); }
.rows th, .rows td { display: block; min-width: 0; padding: 0; text-align: left; font-weight: 400; }
.rows .number { text-align: right; }
.rows thead button { min-height: 0; padding: .15rem 0; border: 0; background: none; color: var(--muted); font-size: .8125rem; white-space: normal; text-align: inherit; }
.rows thead [aria-sort] button { color: var(--text); font-weight: 600; }
.rows thead [aria-sort] button::after { content: " ↑" / ""; }
.rows thead [aria-sort="descending"] button::after { content: " ↓" / ""; }
#services { --columns: minmax(0, 1.7fr) minmax(0, 1.6fr) repeat(2, minmax(0, 1.5fr)) repeat(3, minmax(0, .85fr)) var(--pool) 7rem 8.5rem; }
#connections { --columns: minmax(0, 2fr) var(--visitor) repeat(3, minmax(0, 1fr)) 4rem; }
.rows { --pool: minmax(0, .7fr); --visitor: minmax(0, 2fr); }
.rows.client { --pool: ; --visitor: ; }
.name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; }
.row-name .name { font-weight: 600; }
.under { display: block; color: var(--muted); font-size: .8125rem; overflow-wrap: anywhere; }
.reason { color: var(--bad); }
.address { display: block; font: .8125rem/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
.row-actions > div { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: .35rem; }
.row-actions button { min-height: 1.9rem; padding: .1rem .55rem; border-color: var(--line); font-size: .8125rem; }
.rows tbody :focus-visible { outline-offset: -2px; }
.sparkline { display: block; width: 100%; height: 1.75rem; }
.sparkline path { fill: var(--received); fill-opacity: .15; stroke: var(--received); stroke-width: 1.25; vector-effect: non-scaling-stroke; }
#pages { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; padding-top: .75rem; }

#events { list-style: none; }
#events li { display: grid; grid-template-columns: 5rem 12rem minmax(0, 1fr); gap: .25rem 1rem; padding: .35rem .6rem; border-bottom: 1px solid var(--line); border-left: 3px solid transparent; overflow-wrap: anywhere; }
#events li.bad { border-left-color: var(--bad); }
#events .bad .what { color: var(--bad); }
.what { font-weight: 550; }
#events bdi { margin-right: .7em; }

dialog { width: min(46rem, 100vw - 1.5rem); max-height: calc(100dvh - 1.5rem); padding: 1.5rem; border: 1px solid var(--line); border-radius: 12px; background: var(--surface); color: var(--text); overflow: hidden auto; overflow-wrap: anywhere; }
#confirm { max-width: 32rem; }
dialog::backdrop { background: rgb(10 15 22 / .55); }
dialog h2 { margin-bottom: .75rem; }
.dialog-actions { display: flex; justify-content: flex-end; gap: .6rem; margin-top: 1.25rem; }
#fields { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem 1.25rem; align-items: start; }
.full { grid-column: 1 / -1; }
.field label { display: block; margin-bottom: .25rem; font-weight: 550; }
.field label code { color: var(--muted); font-weight: 400; }
.field > :not(label, p, div) { width: 100%; }
.hint { margin-top: .25rem; color: var(--muted); font-size: .8125rem; }
.problem { color: var(--bad); font-size: .875rem; overflow-wrap: anywhere; }
.problem p { margin-top: .3rem; padding-left: .6rem; border-left: 3px solid; }
.problem .warning { color: var(--warn); }
form > .problem:not(:empty) { margin-bottom: 1rem; }

@media (min-width: 761px) and (max-width: 1150px) {
  .table-wrap { overflow-x: auto; }
  #services { min-width: 66rem; }
  #totals { grid-template-columns: repeat(5, 1fr); gap: .6rem; }
  #totals div { padding: .75rem; }
}
@media (max-width: 760px) {
  .bar, header nav, main { padding-inline: .75rem; }
  .actions { width: 100%; }
  .card, #totals div { padding: .75rem; }
  #totals { gap: .6rem; grid-template-columns: 1fr 1fr; }
  #totals dd { font-size: 1.15rem; }
  #totals div:last-child { grid-column: 1 / -1; }
  .section-head [type="search"] { width: 100%; }
  .rows thead { position: static; }
  .rows thead tr { display: flex; overflow-x: auto; }
  .rows thead th { flex: none; }
  .rows thead button { padding: .5rem 0; }
  .rows tbody tr { display: block; padding: .8rem .25rem; contain-intrinsic-size: auto 17rem; }
  .rows tbody td { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); gap: .75rem; padding: .15rem 0; }
  .rows tbody .number { text-align: left; }
  .rows tbody td::before { content: attr(data-label); color: var(--muted); font-size: .8125rem; }
  .row-actions > div { justify-content: flex-start; }
  #events li { grid-template-columns: 4.5rem minmax(0, 1fr); }
  #events .detail, .field { grid-column: 1 / -1; }
  dialog { padding: 1rem; }
}
)style";

}  // namespace rathole::admin
