import { sha256Hex } from '../keys/digest.ts';
import { STATUS_PAGE_SCRIPT } from './status-page-script.ts';
import { STATUS_PAGE_STYLE } from './status-page-style.ts';

/** The status page: one document that loads nothing but the status, and that puts values in as text only. */
export const STATUS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>sds-node-agent</title>
<link rel="icon" href="data:,">
<style>${STATUS_PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>sds-node-agent</h1>
<p id="summary" class="quiet">loading…</p>
<p id="connection" class="chip" role="status">connecting</p>
</header>
<main id="content" hidden>
<ul id="unready" class="notice" hidden></ul>
<section><h2>Identities <span id="identity-count" class="quiet"></span></h2>
<p><label>Filter <input id="filter" type="search" autocomplete="off" placeholder="name, state or error"></label></p>
<div class="scroll"><table id="identities"></table></div></section>
<section><h2>Trust bundles</h2><div class="scroll"><table id="bundles"></table></div></section>
<section id="foreign-section" hidden><h2>Secrets passed on</h2><div class="scroll"><table id="foreign"></table></div></section>
<section><h2>Pending names</h2><p class="quiet">Subscribed to, and nothing to serve yet.</p><div class="scroll"><table id="pending"></table></div></section>
<section><h2>Certificate authority</h2><div class="scroll"><table id="ca"></table></div></section>
</main>
<footer class="quiet">The same as JSON: <a href="/api/status">/api/status</a> · as Istio shows it: <a href="/debug/sds/workload">/debug/sds/workload</a></footer>
<noscript>This page needs JavaScript; /api/status does not.</noscript>
<script>${STATUS_PAGE_SCRIPT}</script>
</body>
</html>
`;

/** Allows this one script, this one style and the status; nothing else, from nowhere else. */
export const STATUS_PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${toSource(STATUS_PAGE_SCRIPT)}`,
  `style-src ${toSource(STATUS_PAGE_STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** The hash source of an inline element (CSP 3, section 2.3.1). */
function toSource(content: string): string {
  return `'sha256-${Buffer.from(sha256Hex(content), 'hex').toString('base64')}'`;
}
