/**
 * The script of the status page. It builds elements and sets `textContent`, never markup, so that no name or
 * message that an Envoy or a CA made up can become part of the page; characters that would turn the writing
 * direction or be invisible are shown escaped.
 */
export const STATUS_PAGE_SCRIPT = String.raw`'use strict';
const MOST_ROWS = 500;
const byId = (id) => document.getElementById(id);
let status;
let clockOffset = 0;
let moving = [];
let polling;

const now = () => Date.now() + clockOffset;

function duration(ms) {
  const s = Math.floor(Math.abs(ms) / 1000);
  if (s < 60) return s + 's';
  if (s < 3600) return Math.floor(s / 60) + 'm ' + (s % 60) + 's';
  if (s < 86400) return Math.floor(s / 3600) + 'h ' + Math.floor((s % 3600) / 60) + 'm';
  return Math.floor(s / 86400) + 'd ' + Math.floor((s % 86400) / 3600) + 'h';
}
const ago = (at) => duration(now() - at) + ' ago';
const until = (at) => (at > now() ? 'in ' + duration(at - now()) : ago(at));
const expiry = (at) => (at > now() ? 'in ' + duration(at - now()) : 'expired ' + ago(at));

const toEscape = (unit) => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0');
const visible = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (control) => control.split('').map(toEscape).join(''));

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = visible(text);
  return made;
}

/** Keeps an element's text true while time passes. */
function live(target, text) {
  const update = () => {
    const next = text();
    if (target.textContent !== next) target.textContent = next;
  };
  update();
  moving.push(update);
  return target;
}

function timeCell(at, text) {
  const cell = element('td');
  if (at === undefined) return cell;
  cell.title = new Date(at).toISOString();
  return live(cell, () => text(at));
}

function lifeCell(from, to) {
  const cell = element('td');
  if (to === undefined) return cell;
  cell.title = new Date(to).toISOString();
  cell.append(live(element('span'), () => expiry(to)));
  const bar = element('div', 'life');
  const left = element('div');
  const update = () => {
    left.style.width = Math.max(0, Math.min(100, (100 * (to - now())) / (to - from))) + '%';
  };
  update();
  moving.push(update);
  bar.append(left);
  cell.append(bar);
  return cell;
}

function chipCell(text, look) {
  const cell = element('td');
  cell.append(element('span', 'chip ' + look, text));
  return cell;
}

function errorCell(error) {
  const cell = element('td', 'wide');
  if (error === undefined) return cell;
  cell.append(visible(error.code + ': ' + error.message) + ' ', live(element('span', 'quiet'), () => ago(error.atMs)));
  return cell;
}

function fill(id, columns, rows, none) {
  const head = element('tr');
  for (const [name, className] of columns) {
    const cell = element('th', className, name);
    cell.scope = 'col';
    head.append(cell);
  }
  const body = element('tbody');
  for (const row of rows) {
    const line = element('tr');
    line.append(...row);
    body.append(line);
  }
  if (rows.length === 0) {
    const cell = element('td', 'quiet', none);
    cell.colSpan = columns.length;
    const line = element('tr');
    line.append(cell);
    body.append(line);
  }
  const header = element('thead');
  header.append(head);
  byId(id).replaceChildren(header, body);
}

const LOOKS = { ready: 'good', renewing: 'busy', issuing: 'busy', wanted: 'busy', stale: 'bad', gone: 'bad' };

function identityRow(identity) {
  const name = identity.podUid === undefined ? identity.spiffeId : identity.spiffeId + ' (pod ' + identity.podUid + ')';
  return [
    element('td', '', name),
    identity.alarm === undefined
      ? chipCell(identity.state, LOOKS[identity.state] || 'busy')
      : chipCell(identity.state + ', ' + identity.alarm, 'bad'),
    element('td', 'code', identity.serial === undefined ? '' : identity.serial.slice(0, 16)),
    timeCell(identity.issuedAtMs, ago),
    lifeCell(identity.issuedAtMs, identity.notAfterMs),
    timeCell(identity.nextRenewalMs, until),
    element('td', 'number', String(identity.rotations)),
    element('td', 'number', String(identity.streams)),
    errorCell(identity.lastError),
  ];
}

function matches(identity, wanted) {
  const error = identity.lastError;
  const text = [identity.spiffeId, identity.podUid, identity.state, identity.alarm, identity.serial, error && error.code, error && error.message];
  return text.join(' ').toLowerCase().includes(wanted);
}

function render() {
  moving = [];
  live(byId('summary'), () =>
    [status.trustDomain, status.version, 'up ' + duration(now() - status.startedAtMs), status.connections + ' connections', status.streams + ' streams'].join(' · '));
  const unready = byId('unready');
  unready.hidden = status.unready.length === 0;
  unready.replaceChildren(...status.unready.map((condition) => element('li', '', condition)));

  const wanted = byId('filter').value.trim().toLowerCase();
  const found = status.identities.filter((identity) => matches(identity, wanted));
  const shown = found.slice(0, MOST_ROWS);
  const total = status.identities.length;
  byId('identity-count').textContent = shown.length === total ? String(total) : shown.length + ' of ' + total;
  fill('identities', [['Identity'], ['State'], ['Serial'], ['Issued'], ['Expires'], ['Next renewal'], ['Rotations', 'number'], ['Streams', 'number'], ['Last error']],
    shown.map(identityRow), total === 0 ? 'Nobody has asked for a certificate yet.' : 'None matches.');
  fill('bundles', [['Trust domain'], ['Roots', 'number'], ['Expires'], ['Streams', 'number'], ['Version']],
    status.bundles.map((bundle) => [
      element('td', '', bundle.trustDomain),
      element('td', 'number', String(bundle.roots)),
      timeCell(bundle.notAfterMs, expiry),
      element('td', 'number', String(bundle.streams)),
      element('td', 'code', bundle.version.slice(0, 16)),
    ]), 'No roots are known yet.');
  byId('foreign-section').hidden = status.foreign.length === 0;
  fill('foreign', [['Name'], ['State'], ['Serial'], ['Since'], ['Expires'], ['Streams', 'number'], ['Last error']],
    status.foreign.slice(0, MOST_ROWS).map((secret) => [
      element('td', 'wide', secret.name),
      chipCell(secret.state, LOOKS[secret.state]),
      element('td', 'code', secret.serial === undefined ? '' : secret.serial.slice(0, 16)),
      timeCell(secret.changedAtMs, ago),
      timeCell(secret.notAfterMs, expiry),
      element('td', 'number', String(secret.streams)),
      errorCell(secret.lastError),
    ]), '');
  fill('pending', [['Name'], ['Streams', 'number']],
    status.pending.slice(0, MOST_ROWS).map(({ name, streams }) => [element('td', 'wide', name), element('td', 'number', String(streams))]), 'None.');
  fill('ca', [['Provider'], ['Health'], ['Last success'], ['Last error']],
    status.ca.map((ca) => [
      element('td', '', ca.provider),
      ca.healthy ? chipCell('healthy', 'good') : chipCell('failing', 'bad'),
      timeCell(ca.lastSuccessMs, ago),
      errorCell(ca.lastError),
    ]), 'None.');
}

function take(text, how) {
  status = JSON.parse(text);
  clockOffset = status.nowMs - Date.now();
  render();
  byId('content').hidden = false;
  show(how, 'good');
}

function show(text, look) {
  const chip = byId('connection');
  chip.textContent = text;
  chip.className = 'chip ' + look;
}

async function poll() {
  try {
    const answer = await fetch('/api/status');
    if (!answer.ok) throw new Error(String(answer.status));
    take(await answer.text(), 'polling');
  } catch {
    show('no answer from the agent', 'bad');
  }
}

const source = new EventSource('/api/events');
source.onmessage = (event) => {
  clearInterval(polling);
  polling = undefined;
  take(event.data, 'live');
};
source.onerror = () => {
  if (polling === undefined) polling = setInterval(poll, 2000);
  poll();
};
byId('filter').oninput = () => status && render();
setInterval(() => moving.forEach((update) => update()), 1000);
`;
