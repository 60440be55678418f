// The page: fields, conversation and buttons. The model runs in worker.js.

const WORDS = {
  en: {
    message: 'Message', send: 'Send', stop: 'Stop',
    loading: 'Loading the model …', ready: 'Ready. It runs on this computer; nothing is sent.',
    offline: 'Ready, without a network too from now on. It runs on this computer; nothing is sent.',
    answering: 'Answering …', stopped: 'Stopped.', length: 'The answer reached its longest length.',
    too_long: 'The text is too long for the model. Shorten it, or reload the page to start over.',
    failed: 'This did not work: ',
    file: 'Opened as a file the page cannot load the model. In its folder run: python -m http.server, ' +
      'and open http://localhost:8000.',
  },
  it: {
    message: 'Messaggio', send: 'Invia', stop: 'Ferma',
    loading: 'Carico il modello …', ready: 'Pronto. Gira su questo computer; non viene inviato nulla.',
    offline: 'Pronto, d’ora in poi anche senza rete. Gira su questo computer; non viene inviato nulla.',
    answering: 'Rispondo …', stopped: 'Fermato.', length: 'La risposta ha raggiunto la lunghezza massima.',
    too_long: 'Il testo è troppo lungo per il modello. Accorcialo, o ricarica la pagina per ricominciare.',
    failed: 'Non ha funzionato: ',
    file: 'Aperta come file la pagina non può caricare il modello. Nella sua cartella esegui: ' +
      'python -m http.server, e apri http://localhost:8000.',
  },
};
const language = navigator.language.startsWith('it') ? 'it' : 'en';
const words = WORDS[language];
const CONTROL_MS = 3000;
const KEEP_MS = 2000; // a question asked at once goes first

const part = (name) => document.getElementById(name);
const [talk, ask, fields, send, stop, state, loaded] =
  ['talk', 'ask', 'fields', 'send', 'stop', 'state', 'loaded'].map(part);
let worker = null;
let prompt = null;
let answer = null;
let controlled = false;
const messages = [];

function say(kind, text) {
  const paragraph = document.createElement('p');
  paragraph.className = kind;
  paragraph.textContent = text;
  talk.append(paragraph);
  paragraph.scrollIntoView({ block: 'end' });
  return paragraph;
}

function addField(name, label, required) {
  const field = document.createElement('label');
  const text = document.createElement('textarea');
  Object.assign(text, { name, required, rows: 2 });
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!send.disabled) ask.requestSubmit(send);
    }
  });
  field.append(label, text);
  fields.append(field);
}

function busy(is) {
  send.disabled = is;
  stop.hidden = !is || answer === null;
}

function finish(message) {
  const reason = message.reason === 'stop' ? '' : words[message.reason];
  if (prompt.kind === 'conversation') messages.push({ role: 'assistant', content: answer.textContent });
  answer.dataset.reason = message.reason;
  answer = null;
  state.textContent = reason || `${message.tokens} tokens, ${message.seconds.toFixed(1)} s`;
  busy(false);
  fields.querySelector('textarea').focus();
}

const HEARD = {
  loading({ share }) { loaded.value = share; },
  ready() {
    loaded.hidden = true;
    state.textContent = words.ready;
    document.body.dataset.ready = 'true';
    busy(false);
    if (controlled) setTimeout(keep, KEEP_MS);
  },
  kept() {
    document.body.dataset.kept = 'true';
    if (state.textContent === words.ready) state.textContent = words.offline;
  },
  text({ text }) { answer.textContent += text; },
  done: finish,
  failed({ code, reason }) {
    answer?.remove();
    answer = null;
    loaded.hidden = true;
    say('note', words[code] ?? words.failed + reason);
    state.textContent = '';
    if (prompt?.kind === 'conversation') messages.pop();
    busy(document.body.dataset.ready !== 'true');
  },
};

ask.addEventListener('submit', (event) => {
  event.preventDefault();
  if (send.disabled) return;
  const values = Object.fromEntries(new FormData(ask));
  const columns = Object.keys(values);
  const shown = columns.length > 1
    ? columns.map((name) => `${name}: ${values[name]}`).join('\n') : values[columns[0]];
  say('question', shown);
  if (prompt.kind === 'conversation') messages.push({ role: 'user', content: shown });
  answer = say('answer', '');
  for (const text of fields.querySelectorAll('textarea')) text.value = '';
  state.textContent = words.answering;
  busy(true);
  worker.postMessage({ type: 'ask', values, messages });
});
stop.addEventListener('click', () => worker.postMessage({ type: 'stop' }));

/** Whether the service worker stands between the page and the network, now or already. */
async function control() {
  if (!('serviceWorker' in navigator)) return false;
  try {
    await navigator.serviceWorker.register('sw.js');
    await navigator.serviceWorker.ready;
  } catch {
    return false;
  }
  if (navigator.serviceWorker.controller) return true;
  return new Promise((done) => {
    navigator.serviceWorker.addEventListener('controllerchange', () => done(true), { once: true });
    setTimeout(done, CONTROL_MS, false); // a reload past the cache is never controlled
  });
}

/** Have the page's files kept, and then the weights: later visits need no network. */
function keep() {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => data && worker.postMessage({ type: 'keep' });
  navigator.serviceWorker.controller.postMessage('keep', [port2]);
}

async function start() {
  document.documentElement.lang = language;
  send.textContent = words.send;
  stop.textContent = words.stop;
  if (location.protocol === 'file:') throw Object.assign(new Error(), { code: 'file' });
  state.textContent = words.loading;
  prompt = await (await fetch('prompt.json')).json();
  const columns = prompt.kind === 'template' ? prompt.columns : [];
  const required = prompt.required?.length ? prompt.required : columns;
  for (const name of columns) addField(name, columns.length > 1 ? name : words.message, required.includes(name));
  if (!columns.length) addField('message', words.message, true);
  controlled = await control();
  worker = new Worker('worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => HEARD[data.type](data);
  worker.onerror = (event) => HEARD.failed({ reason: event.message ?? 'worker.js' });
}

start().catch((error) => HEARD.failed({ code: error.code, reason: error.message }));
