"""How the page looks, on a screen, at night and on paper."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#dde2e8;--back:#fff;--band:#f6f8fa;--mark:#2f6fb5}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#343c48;--back:#14181f;--band:#1b212a}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:2rem 1.5rem;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}p.about{color:var(--soft);margin:.2rem 0 1.4rem}
dl.sums{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:.8rem;margin:0}
dl.sums div{background:var(--band);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem}
dl.sums dt{color:var(--soft);font-size:.8rem}dl.sums dd{margin:0;font-size:1.35rem;font-weight:600}
table{border-collapse:collapse;width:100%;font-size:.88rem}th{text-align:left;color:var(--soft);font-weight:600}
th,td{padding:.4rem .55rem;border-bottom:1px solid var(--line);vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}
td.t,td.id{white-space:nowrap}code,td.id{font:.82rem ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
table.actions{table-layout:fixed}.actions td{overflow-wrap:anywhere}
td.said{white-space:pre-wrap}.soft{color:var(--soft);font-size:.82rem}
.actions td.n{white-space:normal}.what{display:inline-block;white-space:nowrap;border-radius:4px;
padding:0 .4rem;background:var(--band);border:1px solid var(--line)}
.erase{background:#b3435c;border-color:#b3435c;color:#fff}.signed{color:#3d8b4a}svg{width:100%;height:auto;display:block}
svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}svg line{stroke:var(--line)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.82rem;margin:.2rem 1rem}summary{cursor:pointer}a{color:var(--mark)}
@media print{body{max-width:none;padding:0}}
"""
