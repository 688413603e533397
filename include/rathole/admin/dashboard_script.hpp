#pragma once

#include <string_view>

namespace rathole::admin {

/// The script of the dashboard, served at `/dashboard.js`. Names and texts from peers only become
/// text nodes and attributes, never markup.
inline constexpr std::string_view dashboard_script = R"script(const refreshInterval = 2000;
const trafficInterval = 10000;
const requestTimeout = 10000;
// The server sends a comment every 15 s.
const streamTimeout = 40000;
const longestPause = 30000;
const connectionsPerPage = 1000;
const connectionsListed = 10000;
const eventsShown = 200;
const maskedSecret = '********';
const tokenKey = 'rathole-token';

const ui = Object.fromEntries([...document.querySelectorAll('[id]')].map((node) => [node.id, node]));
const page = { view: 'services', service: null, number: 0, status: null, clockOffset: 0, needsToken: false };

// ---- The document ----

// An invisible character could make one name look like another, and a direction mark could reorder
// the text around it.
function visible(text) {
  return String(text).replace(/[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu,
    (c) => '⟨U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0') + '⟩');
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  node.append(...children.map((child) => (child instanceof Node ? child : visible(child))));
  return node;
}

function element(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return build(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

// Most texts are the same after a refresh, and writing one costs a layout.
function setText(node, text) {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
}

function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, visible(value));
}

const onClick = (node, run) => node.addEventListener('click', run);

let noticeTimer = 0;

function notify(text) {
  setText(ui.notice, text);
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => setText(ui.notice, ''), 6000);
}

// ---- Numbers and times ----

const compareText = new Intl.Collator('en', { numeric: true }).compare;
const formatCount = new Intl.NumberFormat('en').format;
// The Swedish format is that of ISO 8601.
const formatTime = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium' }).format;
const formatClock = new Intl.DateTimeFormat('sv', { timeStyle: 'medium' }).format;

function formatBytes(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; ++unit) value /= 1024;
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return Number(value.toFixed(digits)) + '\u00a0' + units[unit];
}

const formatRate = (bytesPerSecond) => formatBytes(bytesPerSecond) + '/s';

function formatDuration(seconds, parts = 1) {
  let rest = Math.max(0, Math.floor(seconds));
  const text = [];
  for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]]) {
    if (rest >= size || text.length > 0 || size === 1) text.push(Math.floor(rest / size) + '\u00a0' + unit);
    rest %= size;
  }
  return text.slice(0, parts).join(' ');
}

// The clock of the API's host counts: the browser's may be wrong.
function secondsSince(time) {
  return (Date.now() + page.clockOffset - Date.parse(time)) / 1000;
}

function setTime(node, time, text) {
  if (node.dateTime !== time) {
    node.dateTime = time;
    node.title = formatTime(new Date(time));
  }
  setText(node, text);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

// ---- The API ----

class ApiError extends Error {
  constructor(status, body) {
    super(body.detail || body.title || 'HTTP status ' + status);
    this.status = status;
    this.problems = body.problems ?? [];
  }
}

let token = sessionStorage.getItem(tokenKey);

function keepToken(value) {
  token = value;
  if (value === null) sessionStorage.removeItem(tokenKey);
  else sessionStorage.setItem(tokenKey, value);
}

// fetch() takes headers as Latin-1 only; this gives it the bytes of the UTF-8 text.
function bearer(text) {
  return 'Bearer ' + String.fromCharCode(...new TextEncoder().encode(text));
}

function causeOf({ name }) {
  return name === 'TimeoutError' ? `no answer within ${requestTimeout / 1000} s` : 'the program cannot be reached';
}

async function send(method, path, { headers = {}, body, signal = AbortSignal.timeout(requestTimeout) } = {}) {
  if (token !== null) headers.Authorization = bearer(token);
  if (method !== 'GET') headers['X-Rathole-Request'] = '1';
  if (body) headers['Content-Type'] = 'application/json';
  const response = await fetch('api/v1/' + path, { method, headers, body, signal, cache: 'no-store', redirect: 'error' })
    .catch((error) => { throw new ApiError(0, { detail: causeOf(error) }); });
  if (response.ok) return response;
  if (response.status === 401) askForToken();
  throw new ApiError(response.status, await response.json().catch(() => ({})));
}

async function request(method, path, body) {
  const response = await send(method, path, { body: body && JSON.stringify(body) });
  return response.status === 204 ? null : response.json();
}

const servicePath = (name) => 'services/' + encodeURIComponent(name);

function problemLine({ key, what, remedy, severity }, isBesideIt) {
  const text = (key && !isBesideIt ? key + ': ' : '') + what + (remedy ? '; ' + remedy : '');
  return element('p', { class: severity ?? 'error' }, text);
}

// ---- Tables ----

const newRowsPerTask = 100;

// Shows items as rows that are kept by key: a refresh only writes what has changed, and the focus
// stays where it is.
class KeyedTable {
  constructor(what, columns, { key, text, sort }) {
    Object.assign(this, { what, columns, key, text });
    this.sort = { column: sort, direction: 1 };
    this.items = [];
    this.rows = new Map();
    this.filter = '';
    this.body = element('tbody', { role: 'rowgroup' });
    // The rows are grids, and some browsers then drop the roles of a table.
    this.head = element('tr', { role: 'row' }, ...columns.map((column) => this.header(column)));
    ui[what].replaceChildren(element('thead', { role: 'rowgroup' }, this.head), this.body);
    this.showSort();
  }

  header(column) {
    const label = column.sort ? element('button', {}, column.label)
      : element('span', { class: 'visually-hidden' }, column.label);
    if (column.sort) onClick(label, () => this.sortBy(column));
    return element('th', { scope: 'col', role: 'columnheader', class: column.look }, label);
  }

  sortBy({ label, look }) {
    const first = look === 'number' ? -1 : 1;
    this.sort = { column: label, direction: label === this.sort.column ? -this.sort.direction : first };
    this.showSort();
    this.render(true);
  }

  showSort() {
    this.columns.forEach((column, i) => {
      const direction = this.sort.direction > 0 ? 'ascending' : 'descending';
      setAttribute(this.head.children[i], 'aria-sort', column.label === this.sort.column ? direction : null);
    });
  }

  setFilter(text) {
    this.filter = text.trim().toLowerCase();
    this.render(true);
  }

  update(items) {
    this.items = items;
    this.render(false);
  }

  render(isAsked) {
    const { key, text } = this;
    const wanted = this.sorted(this.items.filter((item) => text(item).toLowerCase().includes(this.filter)));
    // Thousands of cells are not made in one task, which would stop the page for a moment.
    let made = 0;
    const shown = wanted.filter((item) => this.rows.has(key(item)) || ++made <= newRowsPerTask);
    if (made > newRowsPerTask) setTimeout(() => this.render(isAsked));
    for (const item of shown) this.row(item).update(item);
    const keys = new Set(this.items.map(key));
    for (const each of this.rows.keys()) if (!keys.has(each)) this.rows.delete(each);
    const nodes = shown.map((item) => this.row(item).node);
    this.place(isAsked || !this.isInUse() ? nodes : this.inPresentOrder(nodes));
    showCount(this.what, wanted.length, this.items.length);
  }

  sorted(items) {
    const column = this.columns.find((each) => each.label === this.sort.column);
    return items.map((item) => ({ item, value: column.sort(item) }))
      .sort((a, b) => compare(a.value, b.value) * this.sort.direction)
      .map((each) => each.item);
  }

  row(item) {
    const key = this.key(item);
    if (!this.rows.has(key)) {
      const cells = this.columns.map(makeCell);
      this.rows.set(key, {
        node: element('tr', { role: 'row' }, ...cells.map((cell) => cell.node)),
        update: (value) => cells.forEach((cell) => cell.update(value)),
      });
    }
    return this.rows.get(key);
  }

  // Rows do not change places under the pointer or the focus: a click would hit another row.
  isInUse() {
    return this.body.matches(':hover, :focus-within');
  }

  inPresentOrder(nodes) {
    const wanted = new Set(nodes);
    const present = [...this.body.children].filter((node) => wanted.delete(node));
    return [...present, ...wanted];
  }

  place(nodes) {
    const focused = this.body.matches(':focus-within') ? document.activeElement : null;
    let next = this.body.firstElementChild;
    for (const node of nodes) {
      // If only `next` is out of place, one move is enough.
      if (next && next.nextElementSibling === node) {
        next.remove();
        next = node;
      }
      if (node === next) next = node.nextElementSibling;
      else this.body.insertBefore(node, next);
    }
    while (this.body.children.length > nodes.length) this.body.lastElementChild.remove();
    if (focused && document.activeElement !== focused) {
      (focused.isConnected ? focused : this.head.querySelector('button')).focus({ preventScroll: true });
    }
  }
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === 'string' ? compareText(a, b) : a - b;
}

// `make` fills a cell and returns the function that updates it.
function column(label, sort, make, look = '') {
  return { label, sort, make, look };
}

function makeCell({ label, look, make }) {
  const content = element('div');
  const node = look === 'row-name' ? element('th', { scope: 'row', role: 'rowheader', class: look }, content)
    : element('td', { role: 'cell', class: look, 'data-label': label }, content);
  return { node, update: make(content) };
}

function bytesColumn(label, value) {
  return column(label, value, (cell) => (item) => setText(cell, formatBytes(value(item))), 'number');
}

function twoLines(name, detail) {
  return (cell) => {
    const text = element('bdi', { class: 'name' });
    const under = element('span', { class: 'under' });
    cell.append(text, under);
    return (item) => {
      setText(text, name(item));
      setText(under, detail(item));
      text.title = text.textContent;
    };
  };
}

function addressCell(addresses) {
  return (cell) => {
    let shown = null;
    return (item) => {
      const list = addresses(item);
      if (shown === list.join()) return;
      shown = list.join();
      cell.replaceChildren(...list.map((each) => element('bdi', { class: 'address' }, each)));
    };
  };
}

function timeCell(cell) {
  const time = element('time');
  cell.append(time);
  return (item) => setTime(time, item.since, formatDuration(secondsSince(item.since)) + ' ago');
}

function rowButton(label, run) {
  const button = element('button', {}, label);
  onClick(button, run);
  return button;
}

function makeTables(isServer) {
  for (const table of [ui.services, ui.connections]) table.classList.toggle('client', !isServer);
  tables.services = new KeyedTable('services', serviceColumns(isServer), {
    key: (service) => service.name,
    text: (service) => [service.name, service.type, service.state, service.reason, service.peer, ...service.addresses].join('\n'),
    sort: 'Name',
  });
  tables.connections = new KeyedTable('connections', connectionColumns(isServer), {
    key: (connection) => connection.id,
    text: (connection) => connection.service + '\n' + connection.visitor,
    sort: 'Since',
  });
}

const tables = {};

function showCount(what, shown, total) {
  setText(ui[what + 'Count'], formatCount(shown) + (shown === total ? '' : ' of ' + formatCount(total)));
  ui[what + 'Empty'].hidden = shown > 0;
  setText(ui[what + 'Empty'], total > 0 ? `No ${what} match the filter.` : `No ${what}.`);
}

function watchFilter(what) {
  let timer = 0;
  ui[what + 'Filter'].addEventListener('input', (event) => {
    tables[what]?.setFilter(event.target.value);
    clearTimeout(timer);
    timer = setTimeout(() => setText(ui.announcer, ui[what + 'Count'].textContent + ' ' + what), 800);
  });
}

// ---- Status ----

function stateOf({ state, ready, reason }) {
  const isRunning = state === 'running';
  if (isRunning && ready) return ['Ready', 'good'];
  const label = isRunning ? 'Not ready' : state[0].toUpperCase() + state.slice(1);
  return [label + (reason && reason !== state ? ': ' + reason : ''), isRunning ? 'bad' : ''];
}

function renderStatus(status, previous) {
  const [label, look] = stateOf(status);
  page.clockOffset = Date.parse(status.started_at) + status.uptime_seconds * 1000 - Date.now();
  setText(ui.mode, status.mode);
  setText(ui.state, label);
  ui.state.className = 'badge ' + look;
  setText(ui.about, `Version ${status.version} · ${status.transport} · up for ${formatDuration(status.uptime_seconds, 2)}`);
  ui.about.title = 'Started at ' + formatTime(new Date(status.started_at));
  setText(ui.drain, status.state === 'draining' ? 'Undrain' : 'Drain');
  document.title = visible(`rathole ${status.mode}: ${label}, ${status.services.up} of ${status.services.total} up`);
  ui.forget.hidden = token === null;
  ui.add.hidden = !status.editable;
  ui.notEditable.hidden = status.editable;
  renderTotals(status, previous);
}

function renderTotals({ services, connections, bytes, visitors_refused: refused, uptime_seconds: uptime }, previous) {
  const seconds = previous ? uptime - previous.uptime_seconds : 0;
  const rate = (direction) => (seconds > 0 ? formatRate((bytes[direction] - previous.bytes[direction]) / seconds) : '');
  setTotal(ui.totalServices, formatCount(services.up), 'of ' + formatCount(services.total));
  setTotal(ui.totalActive, formatCount(connections.active), formatCount(connections.total) + ' total');
  setTotal(ui.totalReceived, formatBytes(bytes.received), rate('received'));
  setTotal(ui.totalSent, formatBytes(bytes.sent), rate('sent'));
  setTotal(ui.totalRefused, formatCount(refused), '');
}

function setTotal(node, value, detail) {
  node.replaceChildren(value + ' ', element('small', {}, detail));
}

// ---- Traffic ----

const chart = { traffic: null, services: new Map(), fetchedAt: -Infinity, width: 0 };
const chartBox = { left: 72, right: 8, top: 8, bottom: 176, height: 200 };

function renderTraffic(traffic) {
  chart.traffic = traffic;
  chart.services = new Map(Object.entries(traffic.services.bytes));
  drawChart();
}

function chartScale({ received, sent, interval_seconds: interval }) {
  // Powers of two give round labels in KiB and MiB.
  const step = 2 ** Math.ceil(Math.log2(Math.max(1024, ...received, ...sent) / interval / 4));
  const { left, right, top, bottom } = chartBox;
  return {
    step,
    x: (secondsAgo) => chart.width - right - (chart.width - left - right) * secondsAgo / 3600,
    y: (rate) => bottom - (bottom - top) * rate / (4 * step),
  };
}

function drawChart() {
  const { traffic, width } = chart;
  if (!traffic || width === 0) return;
  const scale = chartScale(traffic);
  setAttribute(ui.chart, 'viewBox', `0 0 ${width} ${chartBox.height}`);
  ui.chart.replaceChildren(...rateAxis(scale), ...timeAxis(scale), ...series('received', scale), ...series('sent', scale));
  const part = (values) => `${formatBytes(sum(values))}, at most ${formatRate(Math.max(0, ...values) / traffic.interval_seconds)}`;
  setText(ui.chartSummary, `Received from visitors: ${part(traffic.received)}. Sent to visitors: ${part(traffic.sent)}.`);
}

function rateAxis({ step, y }) {
  const { left, right } = chartBox;
  return [0, 1, 2, 3, 4].flatMap((i) => [
    svg('line', { x1: left, x2: chart.width - right, y1: y(i * step), y2: y(i * step) }),
    svg('text', { x: left - 8, y: y(i * step) + 4, 'text-anchor': 'end' }, formatRate(i * step)),
  ]);
}

function timeAxis({ x }) {
  const anchors = { 60: 'start', 0: 'end' };
  return (chart.width < 500 ? [60, 30, 0] : [60, 45, 30, 15, 0]).map((minutes) => svg('text',
    { x: x(minutes * 60), y: chartBox.height - 6, 'text-anchor': anchors[minutes] ?? 'middle' },
    minutes === 0 ? 'now' : minutes + ' min ago'));
}

function series(name, { x, y }) {
  const { [name]: values, interval_seconds: interval } = chart.traffic;
  if (values.length === 0) return [];
  const at = (i) => x((values.length - 1 - i) * interval).toFixed(1);
  const line = 'M' + values.map((bytes, i) => at(i) + ' ' + y(bytes / interval).toFixed(1)).join('L');
  const area = svg('path', { class: 'area received', d: `${line}V${y(0)}H${at(0)}Z` });
  return [...(name === 'received' ? [area] : []), svg('path', { class: name, d: line })];
}

function watchChart() {
  new ResizeObserver(([entry]) => {
    chart.width = Math.round(entry.contentRect.width);
    drawChart();
  }).observe(ui.chart);
}

// ---- Services ----

const activeOf = (service) => (service.udp ? service.udp.visitors : service.connections.active);

const waitingVisitors = ({ pool }) => (pool?.waiting > 0 ? pool.waiting + ' waiting' : '');

function serviceColumns(isServer) {
  const columns = [
    column('Name', (s) => s.name, twoLines((s) => s.name, (s) => s.type.toUpperCase()), 'row-name'),
    column('State', (s) => s.state + s.since, stateCell),
    column(isServer ? 'Listens on' : 'Local address', (s) => s.addresses.join(), addressCell((s) => s.addresses)),
    column(isServer ? 'Client' : 'Server', (s) => s.peer, addressCell(clientsOf)),
    column('Active', activeOf, activeCell, 'number'),
    bytesColumn('Received', (s) => s.bytes.received),
    bytesColumn('Sent', (s) => s.bytes.sent),
    column('Pool', (s) => s.pool?.idle ?? null, twoLines(({ pool }) => (pool ? pool.idle + ' idle' : '–'), waitingVisitors), 'number'),
    column('Last hour', (s) => sum(chart.services.get(s.name) ?? []), sparklineCell),
    column('Actions', null, actionsCell, 'row-actions'),
  ];
  return columns.filter((column) => isServer || column.label !== 'Pool');
}

function clientsOf({ clients, peer }) {
  if (!clients || clients.length < 2) return [peer ?? '–'];
  return clients.map(({ address, active, skipped }) => `${address} (${skipped ? 'skipped' : active + ' active'})`);
}

function stateCell(cell) {
  const badge = element('span');
  const time = element('time', { class: 'muted' });
  const reason = element('bdi', { class: 'under reason' });
  cell.append(badge, ' ', time, reason);
  return ({ state, since, reason: why }) => {
    setText(badge, state === 'up' ? 'Up' : 'Down');
    badge.className = state === 'up' ? 'badge good' : 'badge bad';
    setTime(time, since, formatDuration(secondsSince(since)));
    setText(reason, why ?? '');
  };
}

function activeCell(cell) {
  const link = element('a');
  const under = element('span', { class: 'under' });
  cell.append(link, under);
  return (service) => {
    const { name, udp, refused, connections } = service;
    setText(link, formatCount(activeOf(service)));
    link.href = '#/connections?' + new URLSearchParams({ service: name });
    link.ariaLabel = `${activeOf(service)} active, show the connections of ${name}`;
    const parts = [udp ? 'visitors' : formatCount(connections.total) + ' total'];
    if (refused > 0) parts.push(formatCount(refused) + ' refused');
    if (udp?.dropped > 0) parts.push(formatCount(udp.dropped) + ' dropped');
    setText(under, parts.join(', '));
  };
}

function sparklineCell(cell) {
  const path = svg('path');
  const graph = svg('svg', { class: 'sparkline', viewBox: '0 0 59 20', preserveAspectRatio: 'none', role: 'img' }, path);
  cell.append(graph);
  let shown = null;
  return (service) => {
    const bytes = chart.services.get(service.name);
    if (!bytes || bytes === shown) return;
    shown = bytes;
    setAttribute(path, 'd', sum(bytes) > 0 ? sparkline(bytes) : null);
    cell.title = graph.ariaLabel = formatBytes(sum(bytes)) + ' in both directions';
  };
}

function sparkline(bytes) {
  const largest = Math.max(...bytes);
  const first = 60 - bytes.length;
  return `M${first} 20L` + bytes.map((value, i) => first + i + ' ' + (19 - 18 * value / largest).toFixed(1)).join('L') + 'V20Z';
}

function actionsCell(cell) {
  let current = null;
  const edit = rowButton('Edit', () => editService(current.name));
  const remove = rowButton('Remove', () => removeService(current.name));
  const reason = element('span', { class: 'under' });
  cell.append(edit, remove, reason);
  return (service) => {
    current = service;
    edit.hidden = remove.hidden = !service.editable;
    edit.ariaLabel = 'Edit ' + service.name;
    remove.ariaLabel = 'Remove ' + service.name;
    const where = service.range ? `the range “${service.range}” in ${service.file}` : service.file;
    setText(reason, service.editable ? '' : `Read-only: set in ${where}`);
  };
}

function removeService(name) {
  confirmAction({
    title: 'Remove the service?',
    text: `The service “${name}” ends, and its file is deleted. Its active connections go on.`,
    button: 'Remove',
    run: () => request('DELETE', servicePath(name)),
    done: () => `The service “${name}” was removed.`,
  });
}

// ---- The form of a service ----

const fields = [
  { key: 'name', label: 'Name', class: 'full', hint: 'The same on the server and the client.' },
  { key: 'type', label: 'Type', choices: ['tcp', 'udp'] },
  { key: 'bind_addr', label: 'Addresses', kind: 'list', mode: 'server', hint: 'Such as 0.0.0.0:8080, or 0.0.0.0:8000-8010 for each of these ports; several with commas.' },
  { key: 'local_addr', label: 'Local addresses', kind: 'list', mode: 'client', hint: 'What visitors reach, such as 127.0.0.1:80; several with commas.' },
  { key: 'token', label: 'Token', kind: 'secret', class: 'full' },
  { key: 'pool.size', label: 'Pool', kind: 'number', mode: 'server', hint: 'Data channels that are kept ready.' },
  { key: 'pool.max_size', label: 'Largest pool', kind: 'number', mode: 'server', type: 'tcp', hint: 'The pool grows to this size under load.' },
  { key: 'idle_timeout', label: 'Idle timeout', kind: 'number', type: 'tcp', hint: 'In seconds; 0 sets no limit.' },
  { key: 'more', label: 'More settings', kind: 'more', class: 'full', hint: 'A JSON object with the keys of the file, such as {"nodelay": false}.' },
];
const [nameField, typeField] = fields;
const tokenField = fields.find((field) => field.key === 'token');
const moreField = fields.at(-1);
let editedName = null;

function makeField(field) {
  const { key, kind, choices } = field;
  const id = 'field-' + key;
  const options = (choices ?? []).map((choice) => element('option', { value: choice }, choice.toUpperCase()));
  const attributes = { id, spellcheck: false, autocapitalize: 'off', autocomplete: 'off', 'aria-describedby': `${id}-hint ${id}-problem` };
  field.input = element(choices ? 'select' : kind === 'more' ? 'textarea' : 'input', attributes, ...options);
  if (kind === 'secret') field.input.type = 'password';
  if (kind === 'number') field.input.inputMode = 'numeric';
  field.hintNode = element('p', { id: id + '-hint', class: 'hint' }, field.hint ?? '');
  field.problem = element('div', { id: id + '-problem', class: 'problem' });
  const label = element('label', { for: id }, field.label, ' ', element('code', {}, isSetting(field) ? key : ''));
  field.node = element('div', { class: 'field ' + (field.class ?? '') }, label, field.input, field.hintNode, field.problem);
  return field.node;
}

const isSetting = (field) => field !== nameField && field !== moreField;

const settingFields = () => fields.filter((field) => isSetting(field) && !field.node.hidden);

function valueAt(settings, key) {
  return key.split('.').reduce((value, part) => value?.[part], settings);
}

function setValueAt(settings, key, value) {
  const [first, second] = key.split('.');
  settings[first] = second === undefined ? value : { ...settings[first], [second]: value };
}

function removeValueAt(settings, key) {
  const [first, second] = key.split('.');
  if (second !== undefined) delete settings[first][second];
  if (second === undefined || Object.keys(settings[first]).length === 0) delete settings[first];
}

// What is no number is sent as it is: the answer then says what is wrong, in the words of the file.
function readField({ kind, input }) {
  if (kind === 'secret') return input.value || undefined;
  const text = input.value.trim();
  if (text === '') return undefined;
  if (kind === 'number') return /^-?\d+$/.test(text) ? Number(text) : text;
  const list = text.split(/[\s,]+/).filter((each) => each !== '');
  return kind === 'list' && list.length > 1 ? list : text;
}

function fieldText({ kind }, value) {
  if (kind === 'list' && Array.isArray(value)) return value.join(', ');
  return typeof value === (kind === 'number' ? 'number' : 'string') ? String(value) : '';
}

function showFields() {
  for (const { node, mode, type } of fields) {
    node.hidden = Boolean((mode && mode !== page.status.mode) || (type && type !== typeField.input.value));
  }
}

// What no field can show stays in "More settings", so that saving does not lose it.
function fillForm(settings) {
  const rest = { type: 'tcp', ...structuredClone(settings) };
  typeField.input.value = rest.type;
  showFields();
  for (const field of fields.filter(isSetting)) {
    field.input.value = field.node.hidden ? '' : fieldText(field, valueAt(rest, field.key));
    if (field.input.value !== '') removeValueAt(rest, field.key);
  }
  moreField.input.value = Object.keys(rest).length > 0 ? JSON.stringify(rest, null, 2) : '';
}

function openEditor(name, settings) {
  editedName = name;
  setText(ui.editorTitle, name === null ? 'Add a service' : `Edit “${name}”`);
  fillForm(settings);
  nameField.input.value = name ?? '';
  nameField.input.readOnly = name !== null;
  const kept = settings.token === maskedSecret ? ` ${maskedSecret} keeps the present token.` : '';
  setText(tokenField.hintNode, 'The same on the other side; empty for the default_token of the file.' + kept);
  clearProblems();
  ui.editor.showModal();
  (name === null ? nameField : typeField).input.focus();
}

async function editService(name) {
  try {
    const { settings } = await request('GET', servicePath(name));
    if (settings === null) throw new Error('its file has no valid ones.');
    openEditor(name, settings);
  } catch (error) {
    notify(`The settings of “${name}” cannot be read: ${error.message}`);
  }
}

function clearProblems() {
  ui.editorProblem.replaceChildren();
  for (const { input, problem } of fields) {
    problem.replaceChildren();
    input.removeAttribute('aria-invalid');
  }
}

function showProblem(field, problem) {
  (field?.problem ?? ui.editorProblem).append(problemLine(problem, field && field !== moreField));
  if (field && problem.severity !== 'warning') setAttribute(field.input, 'aria-invalid', true);
}

// The parts of a key of TOML may be quoted, and have dots then.
function fieldOf({ key }, ofService) {
  const [, table, name, ...parts] = (key ?? '').match(/"(?:[^"\\]|\\.)*"|[^.]+/g) ?? [];
  if (table !== 'services' || (name?.[0] === '"' ? JSON.parse(name) : name) !== ofService) return null;
  if (parts.length === 0) return nameField;
  return settingFields().find((field) => field.key === parts.join('.')) ?? moreField;
}

function focusProblem() {
  const field = fields.find(({ node, input }) => !node.hidden && input.hasAttribute('aria-invalid'));
  if (field) field.input.focus();
  else ui.editor.scrollTo(0, 0);
  return Boolean(field);
}

function readMore() {
  try {
    const value = JSON.parse(moreField.input.value || '{}');
    if (value instanceof Object && !Array.isArray(value)) return value;
  } catch {
    // Text that is no JSON gets the same answer as JSON that is no object.
  }
  showProblem(moreField, { what: 'not a JSON object', remedy: 'write it like {"key": value}' });
  return {};
}

function readSettings() {
  const settings = readMore();
  for (const field of settingFields()) {
    const value = readField(field);
    if (value === undefined) continue;
    if (valueAt(settings, field.key) === undefined) setValueAt(settings, field.key, value);
    else showProblem(field, { what: 'also in “More settings”', remedy: 'set it in one place' });
  }
  return settings;
}

function checkName(name) {
  if (name === '') showProblem(nameField, { what: 'no name', remedy: 'give each service a name of its own' });
  if (editedName === null && tables.services.items.some((service) => service.name === name)) {
    showProblem(nameField, { what: 'a service with this name exists', remedy: 'edit that one, or choose another name' });
  }
}

async function saveService() {
  clearProblems();
  const name = editedName ?? nameField.input.value;
  const settings = readSettings();
  checkName(name);
  if (focusProblem()) return;
  try {
    await request('PUT', servicePath(name), settings);
    ui.editor.close();
    notify(`The service “${name}” was ${editedName === null ? 'added' : 'changed'}.`);
    refresh();
  } catch (error) {
    showProblem(null, { what: error.message });
    if (!ui.editor.open) notify(error.message);
    for (const problem of error.problems ?? []) showProblem(fieldOf(problem, name), problem);
    focusProblem();
  }
}

function watchEditor() {
  ui.fields.append(...fields.map(makeField));
  onClick(ui.add, () => openEditor(null, {}));
  typeField.input.addEventListener('change', showFields);
  onSubmit(ui.editorForm, ui.save, saveService);
}

// ---- Confirmation ----

let action = null;

// Runs one submission at a time. The button keeps the focus, so it is not disabled.
function onSubmit(form, button, run) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.ariaDisabled) return;
    button.ariaDisabled = 'true';
    await run();
    button.ariaDisabled = null;
  });
}

function confirmAction(options) {
  action = options;
  setText(ui.confirmTitle, options.title);
  setText(ui.confirmText, options.text);
  setText(ui.confirmButton, options.button);
  ui.confirmButton.className = options.isSafe ? 'primary' : 'danger';
  ui.confirmProblem.replaceChildren();
  ui.confirm.showModal();
}

async function runAction() {
  const { run, done } = action;
  ui.confirmProblem.replaceChildren();
  try {
    const answer = await run();
    ui.confirm.close();
    notify(done(answer));
    refresh();
  } catch (error) {
    const problems = [{ what: error.message }, ...(error.problems ?? [])];
    if (!ui.confirm.open) notify(error.message);
    ui.confirmProblem.replaceChildren(...problems.map((problem) => problemLine(problem)));
  }
}

function confirmReload() {
  confirmAction({
    title: 'Reload the configuration file?',
    text: 'If the file has errors, nothing changes.',
    button: 'Reload',
    isSafe: true,
    run: () => request('POST', 'reload'),
    done: ({ result }) => (result === 'applied' ? 'The changes of the file were applied.' : 'The file has not changed.'),
  });
}

function confirmDrain() {
  const isDraining = page.status.state === 'draining';
  confirmAction({
    title: isDraining ? 'Accept new visitors again?' : 'Refuse new visitors?',
    text: isDraining ? 'The program then reports that it is ready.' : 'The program then reports that it is not ready. Active connections go on.',
    button: isDraining ? 'Undrain' : 'Drain',
    isSafe: isDraining,
    run: () => request('POST', isDraining ? 'undrain' : 'drain'),
    done: () => (isDraining ? 'New visitors are accepted again.' : 'New visitors are refused.'),
  });
}

function watchDialogs() {
  onClick(ui.reload, confirmReload);
  onClick(ui.drain, confirmDrain);
  onSubmit(ui.confirmForm, ui.confirmButton, runAction);
  for (const button of document.querySelectorAll('[data-close]')) {
    onClick(button, () => button.closest('dialog').close());
  }
}

// ---- Connections ----

function connectionColumns(isServer) {
  const columns = [
    column('Service', (c) => c.service, twoLines((c) => c.service, () => ''), 'row-name'),
    column('Visitor', (c) => c.visitor, addressCell((c) => [c.visitor ?? '–'])),
    column('Since', (c) => -c.id, timeCell),
    bytesColumn('Received', (c) => c.received),
    bytesColumn('Sent', (c) => c.sent),
    column('Actions', null, kickCell, 'row-actions'),
  ];
  return columns.filter((column) => isServer || column.label !== 'Visitor');
}

function kickCell(cell) {
  let current = null;
  const button = rowButton('Kick', () => kick(current));
  cell.append(button);
  return (connection) => {
    current = connection;
    button.ariaLabel = 'Kick the ' + connectionName(connection);
  };
}

function connectionName({ id, service, visitor }) {
  return `connection ${id}${visitor ? ' from ' + visitor : ''} to “${service}”`;
}

function kick(connection) {
  confirmAction({
    title: 'End the connection?',
    text: `The ${connectionName(connection)} is reset on both sides.`,
    button: 'Kick',
    run: () => request('DELETE', 'connections/' + connection.id).catch((error) => {
      if (error.status !== 404) throw error;
      return 'The connection had already ended.';
    }),
    done: (answer) => answer ?? 'The connection was reset.',
  });
}

// The API has no pages: of the newest connections that it lists, this shows the last ones.
function requestConnections() {
  const query = new URLSearchParams({ limit: Math.min(connectionsListed, (page.number + 1) * connectionsPerPage) });
  if (page.service !== null) query.set('service', page.service);
  return request('GET', 'connections?' + query);
}

function renderConnections({ connections, total }) {
  const last = Math.max(0, Math.ceil(Math.min(total, connectionsListed) / connectionsPerPage) - 1);
  page.number = Math.min(page.number, last);
  const first = page.number * connectionsPerPage;
  tables.connections.update(connections.slice(first, first + connectionsPerPage));
  ui.pages.hidden = last === 0;
  ui.newer.disabled = page.number === 0;
  ui.older.disabled = page.number === last;
  setText(ui.pageRange, `${formatCount(first + 1)} to ${formatCount(Math.min(total, first + connectionsPerPage))} of ${formatCount(total)}, newest first.`);
}

function turnPage(by) {
  page.number += by;
  refresh();
}

// ---- Events ----

const badEvents = /failed|refused|_down$|^missed|^unknown|loops|lost/;
const spokenEvents = /^service_(up|down|bind_failed)$|^reload|drain/;
const events = { list: [], number: 0, drawn: 0, isPaused: false, timer: 0, spoken: '', spokenAt: 0 };
const stream = { abort: null, lastId: 0, state: '', failures: 0, timer: 0 };

function parseEvent(block) {
  const event = {};
  for (const line of block.split('\n')) {
    const [, field, value] = /^(\w*): ?(.*?)\r?$/s.exec(line) ?? [];
    if (field) event[field] = value;
  }
  return event;
}

async function readEvents(abort) {
  let timer = 0;
  const expectBytes = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), streamTimeout);
  };
  expectBytes();
  try {
    const response = await send('GET', 'events', { headers: { 'Last-Event-ID': stream.lastId }, signal: abort.signal });
    showStream('live');
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      expectBytes();
      stream.failures = 0;
      const blocks = (rest + part.value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      blocks.map(parseEvent).forEach(receiveEvent);
    }
  } finally {
    clearTimeout(timer);
  }
}

async function followEvents() {
  if (stream.abort || document.hidden || page.needsToken) return;
  clearTimeout(stream.timer);
  const abort = new AbortController();
  stream.abort = abort;
  const error = await readEvents(abort).catch((reason) => reason);
  if (stream.abort !== abort) return;
  stream.abort = null;
  showStream('reconnecting' + (error instanceof ApiError ? ': ' + error.message : ''));
  stream.timer = setTimeout(followEvents, pauseAfter(++stream.failures));
}

function leaveEvents() {
  clearTimeout(stream.timer);
  stream.abort?.abort();
  stream.abort = null;
}

function showStream(state) {
  stream.state = state;
  setText(ui.eventsState, events.isPaused ? 'paused' : state);
}

function receiveEvent({ id, event: name, data }) {
  if (!data || !name) return;
  if (id) stream.lastId = id;
  // The first request asks for all events that are kept; the ones before them are not missing.
  if (name === 'missed' && events.number === 0) return;
  const event = { name, number: ++events.number, data: JSON.parse(data) };
  if (spokenEvents.test(name) && secondsSince(event.data.time) < 60) events.spoken = `${eventLabel(name)} ${event.data.service ?? ''}`;
  // Connections are many and would displace the other events.
  if (!ui.withConnections.checked && isConnectionEvent(event)) return;
  events.list.push(event);
  if (events.list.length > eventsShown) events.list.shift();
  if (events.timer === 0) events.timer = setTimeout(renderEvents, 500);
}

const isConnectionEvent = ({ name }) => name.startsWith('connection_');

function eventLabel(name) {
  return name[0].toUpperCase() + name.slice(1).replaceAll('_', ' ');
}

function renderEvents() {
  events.timer = 0;
  speakEvents();
  const fresh = events.list.filter((event) => event.number > events.drawn);
  if (events.isPaused) return setText(ui.pause, `Resume (${fresh.length} new)`);
  ui.events.prepend(...fresh.reverse().map(eventRow));
  while (ui.events.children.length > eventsShown) ui.events.lastElementChild.remove();
  events.drawn = events.number;
  ui.eventsEmpty.hidden = ui.events.children.length > 0;
}

// A screen reader hears the last important event, at most every ten seconds.
function speakEvents() {
  if (events.isPaused || events.spoken === '' || Date.now() - events.spokenAt < 10000) return;
  setText(ui.announcer, events.spoken);
  events.spoken = '';
  events.spokenAt = Date.now();
}

function eventRow({ name, data: { time, service, ...rest } }) {
  const clock = element('time', { class: 'muted' });
  if (time) setTime(clock, time, formatClock(new Date(time)));
  const details = Object.entries(rest).flatMap(([key, value]) => (value === null ? [] : [
    element('span', { class: 'muted' }, key.replaceAll('_', ' ')), ' ', element('bdi', {}, eventValue(key, value)), ' ']));
  return element('li', { class: badEvents.test(name) || rest.error ? 'bad' : '' }, clock,
    element('span', { class: 'what' }, eventLabel(name)),
    element('span', { class: 'detail' }, element('bdi', { class: 'what' }, service ?? ''), ' ', ...details));
}

function eventValue(key, value) {
  if (key === 'received' || key === 'sent') return formatBytes(value);
  if (key === 'seconds') return value < 10 ? value.toFixed(2) + '\u00a0s' : formatDuration(value, 2);
  return typeof value === 'object' ? JSON.stringify(value) : value;
}

function togglePause() {
  events.isPaused = !events.isPaused;
  setText(ui.pause, events.isPaused ? 'Resume' : 'Pause');
  showStream(stream.state);
  renderEvents();
}

function filterEvents() {
  if (ui.withConnections.checked) return;
  if (events.isPaused) togglePause();
  events.list = events.list.filter((event) => !isConnectionEvent(event));
  events.drawn = 0;
  ui.events.replaceChildren();
  renderEvents();
}

// ---- Refreshing ----

const poll = { timer: 0, failures: 0, isRunning: false, isAsked: false };

function pauseAfter(failures) {
  return Math.min(longestPause, 1000 * 2 ** (failures - 1));
}

async function load() {
  const isServices = page.view === 'services';
  const isTrafficDue = isServices && performance.now() - chart.fetchedAt >= trafficInterval;
  const [status, services, traffic, connections] = await Promise.all([
    request('GET', 'status'),
    isServices && request('GET', 'services'),
    isTrafficDue && request('GET', 'traffic'),
    page.view === 'connections' && requestConnections(),
  ]);
  showStatus(status);
  if (traffic) {
    chart.fetchedAt = performance.now();
    renderTraffic(traffic);
  }
  if (services) tables.services.update(services.services);
  if (connections) renderConnections(connections);
}

function showStatus(status) {
  const before = page.status;
  page.status = status;
  if (before?.mode !== status.mode) makeTables(status.mode === 'server');
  const isSame = before?.uptime_seconds <= status.uptime_seconds;
  // The numbers of the events begin at 1 again when the program does.
  if (before && !isSame) {
    stream.lastId = 0;
    leaveEvents();
    followEvents();
  }
  renderStatus(status, isSame ? before : null);
  showView();
}

async function refresh() {
  poll.isAsked = poll.isRunning;
  if (poll.isRunning || document.hidden || page.needsToken) return;
  clearTimeout(poll.timer);
  poll.isRunning = true;
  try {
    await load();
    showConnected();
  } catch (error) {
    if (error.status !== 401) showLost(error);
    if (!(error instanceof ApiError)) console.error(error);
  }
  poll.isRunning = false;
  poll.timer = setTimeout(refresh, poll.isAsked ? 0 : refreshPause());
}

function refreshPause() {
  return Math.max(refreshInterval, pauseAfter(poll.failures));
}

function showConnected() {
  if (poll.failures > 0) {
    setText(ui.announcer, 'The API answers again.');
    stream.failures = 0;
    followEvents();
  }
  poll.failures = 0;
  ui.lost.hidden = true;
  ui.content.classList.remove('stale');
}

function showLost(error) {
  if (++poll.failures === 1) setText(ui.announcer, 'Connection to the API lost.');
  setText(ui.lostReason, `${error.message}; next attempt in ${refreshPause() / 1000} s`);
  ui.lost.hidden = false;
  ui.content.classList.add('stale');
}

// ---- Views and token ----

function readHash() {
  const [view, query] = location.hash.slice(2).split('?');
  if (['services', 'connections', 'events'].includes(view)) {
    page.view = view;
    page.service = new URLSearchParams(query).get('service');
    page.number = 0;
  }
  if (page.status) showView();
  refresh();
}

function showView() {
  for (const node of document.querySelectorAll('[data-signed-in]')) {
    node.hidden = page.needsToken || (node.dataset.view ?? page.view) !== page.view;
  }
  for (const link of ui.links.children) {
    setAttribute(link, 'aria-current', link.hash === '#/' + page.view ? 'page' : null);
  }
  ui.onlyService.hidden = page.service === null;
  setText(ui.onlyService, `Only “${page.service}”; show all`);
}

function askForToken() {
  if (page.needsToken) return;
  page.needsToken = true;
  leaveEvents();
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  setText(ui.tokenProblem, token === null ? '' : 'The API refused the token.');
  showView();
  ui.lost.hidden = ui.forget.hidden = true;
  ui.tokenForm.hidden = false;
  ui.token.focus();
}

function submitToken(event) {
  event.preventDefault();
  keepToken(ui.token.value);
  ui.token.value = '';
  page.needsToken = false;
  ui.tokenForm.hidden = true;
  refresh();
  followEvents();
}

// Loading the page again is the surest way to forget what the token has shown.
function forgetToken() {
  keepToken(null);
  location.reload();
}

function onVisibility() {
  clearTimeout(poll.timer);
  if (document.hidden) return leaveEvents();
  refresh();
  followEvents();
}

watchChart();
watchEditor();
watchDialogs();
watchFilter('services');
watchFilter('connections');
onClick(ui.newer, () => turnPage(-1));
onClick(ui.older, () => turnPage(1));
onClick(ui.pause, togglePause);
ui.withConnections.addEventListener('change', filterEvents);
onClick(ui.retry, refresh);
ui.tokenForm.addEventListener('submit', submitToken);
onClick(ui.forget, forgetToken);
addEventListener('hashchange', readHash);
document.addEventListener('visibilitychange', onVisibility);
readHash();
followEvents();
)script";

}  // namespace rathole::admin
