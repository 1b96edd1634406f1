// Shows the leads and answer modes that /-/leads sends, and sets answer modes. The
// texts of a lead are only ever inserted as text, never as HTML.
'use strict';

const kept = 300;
const choices = ['healthy', '500', '401', '410', '429', 'slow', 'hang', 'apps-script', 'close-silently', 'cloudflare', 'follow-up-boss',
  'hubspot-locked', 'iis', 'leadbyte', 'php-warning', 'soap-fault', 'soap-fault 200', 'zoho'];
const find = (id) => document.getElementById(id);
const state = find('state');
const rows = new Map(); // path to its row in Answers
let total = 0;

function clone(template) {
  return find(template).content.firstElementChild.cloneNode(true);
}

function showLead(lead) {
  const item = clone('lead');
  const faulty = lead.fault !== '';
  const values = {
    ...lead,
    kind: faulty ? 'Not a lead' : lead.kind,
    name: lead.name || 'somebody',
    about: faulty ? lead.fault : lead.about,
  };
  for (const field of item.querySelectorAll('[data-field]')) {
    field.textContent = values[field.dataset.field];
    const pair = field.closest('dl > div');
    if (pair) pair.hidden = field.textContent === '';
  }
  const time = item.querySelector('time');
  time.dateTime = lead.at;
  time.textContent = new Date(lead.at).toLocaleTimeString();
  if (faulty) item.querySelector('.sentence').textContent = values.kind;
  if (!lead.test) item.querySelector('.test').remove();
  item.querySelector('.answer').classList.toggle('failed', !lead.taken);
  const details = item.querySelector('details');
  details.addEventListener('toggle', () => showRequest(details, lead.number), { once: true });
  return item;
}

async function showRequest(details, number) {
  const pre = details.querySelector('pre');
  try {
    pre.textContent = await (await fetch(`/-/leads/${number}`)).text();
  } catch {
    pre.textContent = 'The CRM cannot be reached.';
  }
}

function showLeads(leads) {
  const list = find('leads');
  const newest = document.createDocumentFragment();
  for (const lead of leads) newest.prepend(showLead(lead));
  list.prepend(newest);
  while (list.children.length > kept) list.lastElementChild.remove();
  if (leads.length > 0) total = leads.at(-1).number;
  state.textContent = `connected, ${total} ${total === 1 ? 'lead' : 'leads'}`;
}

function newRow(path) {
  const row = clone('webhook');
  row.querySelector('.path').textContent = path;
  const group = row.querySelector('.choices');
  group.setAttribute('aria-label', `Answer of ${path}`);
  for (const choice of choices) {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = choice;
    button.addEventListener('click', () => setAnswer(path, choice));
    group.append(button);
  }
  return row;
}

// showAnswers keeps existing rows, so that the focus stays.
function showAnswers(paths) {
  const list = find('answers');
  const gone = new Set(rows.keys());
  paths.forEach(({ path, answer }, index) => {
    gone.delete(path);
    if (!rows.has(path)) rows.set(path, newRow(path));
    const row = rows.get(path);
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    row.classList.toggle('failing', answer !== 'healthy');
    row.querySelector('output').textContent = answer;
    for (const button of row.querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(answer.split(' ')[0] === button.textContent));
    }
  });
  for (const path of gone) {
    rows.get(path).remove();
    rows.delete(path);
  }
}

async function setAnswer(path, answer) {
  const refusal = find('refusal');
  try {
    const response = await fetch(`/-/answers${path}`, { method: 'PUT', body: answer });
    refusal.textContent = response.ok ? '' : await response.text();
  } catch {
    refusal.textContent = 'The CRM cannot be reached.';
  }
}

const stream = new EventSource('/-/leads');
stream.onopen = () => { // the server sends everything again
  find('leads').replaceChildren();
  total = 0;
  showLeads([]);
};
stream.onmessage = (event) => {
  const update = JSON.parse(event.data);
  if (update.paths) showAnswers(update.paths);
  showLeads(update.leads);
};
stream.onerror = () => {
  state.textContent = stream.readyState === EventSource.CLOSED
    ? 'disconnected: too many pages are open, or the CRM has ended; reload to retry'
    : 'disconnected; reconnecting …';
};
