// Asks the server for its figures once a second while somebody looks.

import { begin, useModel } from './classify.js';
import { byId, element } from './dom.js';
import { showFigures } from './figures.js';
import { count } from './format.js';
import { keep, readWindow } from './window.js';

const every = 1000;
const patience = 5000;
const states = { serving: 'Serving', waiting: 'Not serving', lost: 'No answer' };
let answers = [];

const ask = async () => {
  const response = await fetch('live/figures', { signal: AbortSignal.timeout(patience) });
  if (!response.ok) {
    throw new Error(`The server answered ${response.status}.`);
  }

  return response.json();
};

const watch = async () => {
  let wait = every;
  try {
    if (!document.hidden) {
      take(await ask());
    }
  } catch {
    setState('lost');
    wait = patience;
  }

  setTimeout(watch, wait);
};

const take = answer => {
  answers = keep(answers, answer);
  show();
};

const show = () => {
  const last = readWindow(answers);
  setState(last.state);
  const model = last.models.find(some => some.name === byId('model').value) ?? last.models[0];
  showModels(last.models, model);
  showFigures(last, model);
  if (model) {
    useModel(model, last.maxImageBytes);
  }
};

const showModels = (models, model) => {
  const select = byId('model');
  const names = models.map(some => some.name);
  if (names.join() !== [...select.options].map(option => option.value).join()) {
    select.replaceChildren(...names.map(name => element('option', '', name)));
    select.value = model?.name ?? '';
  }

  select.hidden = models.length < 2;
  byId('model-name').textContent = models.length < 2 ? model?.name ?? 'no model yet' : '';
  byId('model-detail').textContent = model
    ? `version ${model.versions.join(', ')} on ${model.device} (${model.executor}), ${count(model.blocks.length)} blocks`
    : '';
  byId('model-detail').title = model?.executorFallback ?? '';
};

const setState = state => {
  const shown = byId('state');
  document.body.classList.toggle('stale', state === 'lost');
  if (shown.dataset.state !== state) {
    shown.dataset.state = state;
    shown.textContent = states[state];
  }
};

byId('model').addEventListener('change', show);
document.addEventListener('visibilitychange', () => !document.hidden && ask().then(take, () => setState('lost')));
begin();
watch();
