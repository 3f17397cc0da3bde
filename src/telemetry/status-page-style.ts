/** The style sheet of the status page. */
export const STATUS_PAGE_STYLE = `
:root {
  --ground: #fbfbfa; --card: #ffffff; --line: #e4e3df; --text: #1d1f21; --quiet: #686c72;
  --good: #14763d; --good-ground: #e3f4ea; --busy: #1d5fa8; --busy-ground: #e4eefa;
  --bad: #b3261e; --bad-ground: #fbe6e4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #141619; --card: #1b1e22; --line: #2e3238; --text: #e6e7e9; --quiet: #979ca4;
    --good: #6fd39a; --good-ground: #17341f; --busy: #8bbcf2; --busy-ground: #182d45;
    --bad: #f2938c; --bad-ground: #43201d;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
header, main, footer { max-width: 90rem; margin: 0 auto; padding: 0 1.5rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1rem; padding-top: 1.25rem; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
header p { margin: 0; }
#connection { margin-left: auto; }
.quiet { color: var(--quiet); font-weight: normal; }
.notice { background: var(--bad-ground); color: var(--bad); border-radius: .5rem; padding: .75rem 1rem .75rem 2rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .45rem .75rem; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th { color: var(--quiet); font-weight: 600; font-size: .8rem; }
td.number, th.number { text-align: right; }
td.wide { white-space: normal; overflow-wrap: anywhere; min-width: 14rem; }
td.code { font-family: ui-monospace, monospace; font-size: .86rem; }
.chip { display: inline-block; padding: 0 .55rem; border-radius: 1rem; font-size: .82rem; }
.good { color: var(--good); background: var(--good-ground); }
.busy { color: var(--busy); background: var(--busy-ground); }
.bad { color: var(--bad); background: var(--bad-ground); }
.life { height: .25rem; margin-top: .2rem; border-radius: .25rem; background: var(--line); }
.life > div { height: 100%; border-radius: inherit; background: var(--good); }
input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .2rem .5rem; width: min(24rem, 60vw); }
a { color: var(--busy); }
footer { padding: 1.5rem; font-size: .86rem; }
`;
