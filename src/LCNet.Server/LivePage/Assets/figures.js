// Shows the figures of the window.

import { drawLine, drawSpread } from './charts.js';
import { byId, element, figure } from './dom.js';
import { count, effort, flops, number, percent } from './format.js';

const spokenEvery = 20_000;
let spokenAt = 0;

/** Shows the figures of one model; model is undefined while there is none. */
export const showFigures = (figures, model) => {
  figure('window', Math.max(1, Math.round(figures.windowSeconds)), String);
  showNumbers(model);
  showBlocks(model?.blocks ?? []);
  showSpread(model?.shares ?? []);
  showRequests(model?.requests ?? {}, figures.unknownModel);
  drawLine(byId('latency-line'), (model?.history ?? []).map(second => second.p95), 60);
  drawLine(byId('rate-line'), (model?.history ?? []).map(second => second.imagesPerSecond), 60);
  speak(model);
};

const showNumbers = model => {
  const images = model?.count.images ?? 0;
  const mean = total => images > 0 ? total / images : null;
  figure('p50', model?.latency?.p50, number);
  figure('p95', model?.latency?.p95, number);
  figure('p99', model?.latency?.p99, number);
  figure('rate', model?.imagesPerSecond, number);
  figure('in-flight', model?.inFlight, count);
  figure('waiting', model?.waiting, count);
  figure('saved', model?.count.saved, percent);
  figure('planned', mean(model?.count.plannedFlops), flops);
  figure('dense', mean(model?.count.denseFlops), flops);
  figure('effort', model?.effort, effort);
  const share = images > 0 ? model.count.plannedFlops / model.count.denseFlops : null;
  figure('share', share, percent);
  figure('total-images', model?.total.images, count);
  figure('total-saved', model?.total.saved, percent);
  showAgreement(model?.agreement);
  byId('planned-bar').firstElementChild.style.width = `${100 * (share ?? 0)}%`;
};

const showAgreement = agreement => {
  const known = agreement?.share !== null && agreement?.share !== undefined;
  figure('agreement', agreement?.share, percent);
  figure('agreement-margin', known ? (agreement.high - agreement.low) / 2 : null, percent);
  figure('agreement-expected', agreement?.expected, percent);
  figure('agreement-images', agreement?.images, count);
};

const showBlocks = blocks => {
  const list = byId('blocks');
  if (list.childElementCount !== blocks.length) {
    list.replaceChildren(...blocks.map((_, i) => {
      const kept = element('span', 'kept', '', element('span'));
      return element('li', '', '', element('span', 'heat'), kept, element('span', 'name', String(i)), element('span', 'rate'), element('span', 'channels'));
    }));
  }

  blocks.forEach((block, i) => showBlock(list.children[i], block, i));
};

const showBlock = (item, block, i) => {
  const images = block.executions + block.skips;
  const rate = images > 0 ? block.executions / images : null;
  item.dataset.executions = block.executions;
  item.dataset.skips = block.skips;
  item.querySelector('.heat').classList.toggle('none', rate === null);
  item.style.setProperty('--rate', rate ?? 0);
  item.style.setProperty('--kept', (block.meanChannels ?? 0) / block.channels);
  item.querySelector('.rate').textContent = rate === null ? '' : `${Math.round(rate * 100)} %`;
  item.querySelector('.channels').textContent = `${block.meanChannels === null ? '–' : Math.round(block.meanChannels)} of ${block.channels}`;
  item.title = rate === null
    ? `Block ${i}: no image yet`
    : `Block ${i}: run for ${percent(rate)} of ${count(images)} images, with ${number(block.meanChannels)} of ${block.channels} channels on average`;
};

const showSpread = shares => {
  drawSpread(byId('spread'), shares);
  const images = shares.reduce((sum, some) => sum + some, 0);
  const lowest = shares.findIndex(some => some > 0);
  const highest = shares.findLastIndex(some => some > 0) + 1;
  const at = step => `${Math.round(100 * step / shares.length)} %`;
  byId('spread-text').textContent = images === 0
    ? 'No image in the window.'
    : `${count(images)} images, from ${at(lowest)} to ${at(highest)} of the dense FLOPs.`;
};

const showRequests = (requests, unknown) => {
  const rows = [
    ...Object.entries(requests).map(([status, requests]) => [status, requests]),
    ...Object.entries(unknown).map(([status, requests]) => [`${status}, no such model`, requests]),
  ];
  const total = rows.reduce((sum, [, requests]) => sum + requests, 0);
  byId('requests').replaceChildren(...rows.map(([status, requests]) => {
    const row = element('tr', '', '', element('td', '', status), element('td', '', count(requests)), element('td', '', percent(requests / total)));
    row.dataset.requests = requests;
    return row;
  }));
  if (rows.length === 0) {
    const cell = element('td', 'quiet', 'None in the window.');
    cell.colSpan = 3;
    byId('requests').append(element('tr', '', '', cell));
  }
};

// A reader that spoke every second could not be listened to.
const speak = model => {
  if (model && Date.now() - spokenAt >= spokenEvery) {
    spokenAt = Date.now();
    byId('spoken').textContent = model.latency
      ? `${number(model.imagesPerSecond)} images a second, median latency ${number(model.latency.p50)} milliseconds, ${percent(model.count.saved)} of the FLOPs saved.`
      : 'No requests in the last minute.';
  }
};
