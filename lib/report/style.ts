/**
 * The style sheet of a report: for light and dark themes, screen and paper, with system fonts.
 *
 * The rule: nothing is fetched; colours are variables, so that charts in the page follow its theme.
 */
import { FONT, paletteCss } from './palette.js';

const LIGHT_PAGE =
  '--page:#f4f5f7;--panel:#ffffff;--text:#1c2430;--muted:#5d6878;--edge:#e1e5ea;--accent:#2563c9;--soft:#f0f3f8;';
const DARK_PAGE =
  '--page:#10141a;--panel:#171c24;--text:#e6eaf0;--muted:#9aa5b5;--edge:#29313d;--accent:#6ea3f7;--soft:#1e2530;';

export const STYLE = `
:root{color-scheme:light dark;${LIGHT_PAGE}${paletteCss('light')}}
@media screen and (prefers-color-scheme:dark){:root{${DARK_PAGE}${paletteCss('dark')}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.55 ${FONT}}
main,header,footer{max-width:976px;margin:0 auto;padding:0 24px}
header{padding-top:48px;padding-bottom:8px}
header p{margin:6px 0 0;color:var(--muted)}
.eyebrow{margin:0 0 6px;font-size:12px;letter-spacing:.09em;text-transform:uppercase;color:var(--muted)}
h1{margin:0;font-size:30px;line-height:1.2;font-weight:650;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{margin:0 0 4px;font-size:18px;font-weight:620;letter-spacing:-.005em}
h3{margin:24px 0 8px;font-size:14px;font-weight:620}
section{margin:20px 0;padding:24px;background:var(--panel);border:1px solid var(--edge);border-radius:12px}
section>p.lead{margin:0 0 16px;color:var(--muted);max-width:68ch}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin-top:18px;font-size:14px}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
a:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:3px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:12px;margin:24px 0 20px;padding:0;list-style:none}
.cards li{padding:16px 18px;background:var(--panel);border:1px solid var(--edge);border-radius:12px}
.cards span{display:block}
.cards .label,.cards .detail{font-size:13px;line-height:1.4;color:var(--muted)}
.cards .value{margin:4px 0;font-size:25px;line-height:1.2;font-weight:620;letter-spacing:-.02em;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
figure{margin:8px 0 0;overflow-x:auto}
figure svg{display:block;width:100%;height:auto}
.scroll{overflow-x:auto;margin-top:14px}
table{width:100%;border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:7px 12px;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--edge);overflow-wrap:anywhere}
th{font-weight:560}
th[scope=row]{min-width:8em;font-weight:400}
tbody.rest th[scope=row]{font-weight:560}
thead th{font-size:12.5px;color:var(--muted);white-space:nowrap;overflow-wrap:normal}
tbody tr:last-child>*{border-bottom:0}
tbody.rest{border-top:2px solid var(--edge)}
.number{text-align:right;white-space:nowrap}
.short{overflow-wrap:normal}
details{margin-top:12px}
summary{cursor:pointer;color:var(--accent);font-size:14px}
blockquote{margin:18px 0 8px;padding:10px 16px;background:var(--soft);border-radius:8px;font-weight:560;overflow-wrap:anywhere}
.neighbours{margin:0;padding:0;list-style:none}
.neighbours li{display:grid;grid-template-columns:52px 90px 1fr;gap:12px;align-items:center;padding:5px 16px;font-size:14px}
.neighbours .bar{height:6px;border-radius:3px;background:var(--soft);overflow:hidden}
.neighbours .bar i{display:block;height:100%;background:var(--accent)}
.neighbours .text{overflow-wrap:anywhere}
.similarity{color:var(--muted);font-variant-numeric:tabular-nums}
dl{display:grid;grid-template-columns:minmax(110px,auto) 1fr;gap:6px 24px;margin:14px 0 0;font-size:14px}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.notes{margin:10px 0 0;padding-left:20px}
.notes li{margin:4px 0;overflow-wrap:anywhere}
.verdict{margin:8px 0 4px;padding:12px 16px;background:var(--soft);border-left:4px solid var(--muted);border-radius:8px;overflow-wrap:anywhere}
.verdict strong{margin-right:6px}
.passed{border-left-color:var(--chart-green)}.passed strong{color:var(--chart-green)}
.failed{border-left-color:var(--chart-red)}.failed strong{color:var(--chart-red)}
.warned{border-left-color:var(--chart-orange)}.warned strong{color:var(--chart-orange)}
.right{color:var(--chart-green)}
.pairs{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:4px 20px}
.pairs h3{margin-top:14px;overflow-wrap:anywhere}
footer{padding-top:4px;padding-bottom:48px;font-size:13px;color:var(--muted)}
@media (max-width:640px){main,header,footer{padding-left:14px;padding-right:14px}section{padding:18px 16px}
.neighbours li{grid-template-columns:48px 1fr;gap:10px}.neighbours .bar{display:none}
table{font-size:13px}th,td{padding:7px 5px}thead th,thead .number{white-space:normal;vertical-align:bottom}th[scope=row]{min-width:6em}}
@media print{:root{--page:#ffffff}body{font-size:11pt}nav,summary{display:none}
section{border:0;padding:10px 0;margin:0}figure,tr,.cards li,blockquote,.neighbours,.verdict,.pairs div{break-inside:avoid}h2,h3{break-after:avoid}
figure svg{min-width:0!important}details::details-content{content-visibility:visible;display:block}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
