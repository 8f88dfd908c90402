// The drop zone: sends an image to the server and shows what it made of it.

import { bar, byId, element, figure } from './dom.js';
import { count, effort, flops, number, percent } from './format.js';
import { drawPlan } from './plan.js';

let chosen = null;
let asked = null;
let turned = false;
let serving = null;

/** Says which model answers; it is asked again for the image that was chosen. */
export const useModel = (model, maxImageBytes) => {
  const other = serving !== null && serving.model.name !== model.name;
  serving = { model, maxImageBytes };
  if (!turned) {
    byId('dial').value = model.effort;
  }

  showDial();
  if (other && chosen) {
    classify();
  }
};

/** Begins to take images. */
export const begin = () => {
  const drop = byId('drop');
  const file = byId('file');
  file.addEventListener('change', () => choose(file.files[0]));
  byId('dial').addEventListener('input', () => {
    turned = true;
    showDial();
  });
  byId('dial').addEventListener('change', () => chosen && classify());

  // Anywhere on the page: a browser that is not told otherwise leaves the page for the image.
  document.addEventListener('dragover', event => {
    event.preventDefault();
    drop.classList.add('over');
  });
  document.addEventListener('dragleave', event => event.relatedTarget === null && drop.classList.remove('over'));
  document.addEventListener('drop', event => {
    event.preventDefault();
    drop.classList.remove('over');
    choose(event.dataTransfer.files[0]);
  });
};

const choose = file => {
  if (!file) {
    return;
  }

  chosen = file;
  const preview = byId('preview');
  URL.revokeObjectURL(preview.src);
  preview.hidden = true;
  preview.onload = () => { preview.hidden = false; };
  preview.src = URL.createObjectURL(file);
  byId('drop-text').textContent = file.name;
  classify();
};

const showDial = () => {
  const value = turned ? Number(byId('dial').value) : serving?.model.effort ?? 1;
  byId('dial-value').textContent = effort(value);
  const points = serving?.model.efforts ?? [];
  const near = points.reduce((best, point) => best && Math.abs(best.effort - value) <= Math.abs(point.effort - value) ? best : point, null);
  byId('dial-text').textContent = near
    ? `On validation images, ${effort(near.effort)} gave ${percent(near.top1)} right for ${percent(near.share)} of the dense FLOPs${near.milliseconds ? `, in ${number(near.milliseconds)}\u00a0ms an image where the bundle was timed` : ''}.`
    : '';
};

const classify = async () => {
  asked?.abort();
  const own = new AbortController();
  asked = own;
  busy(true);
  try {
    show(await ask(own.signal));
  } catch (problem) {
    if (!own.signal.aborted) {
      refuse(problem.message);
    }
  } finally {
    if (asked === own) {
      busy(false);
    }
  }
};

const ask = async signal => {
  if (serving && chosen.size > serving.maxImageBytes) {
    throw new Error(`encoded_image: the image has ${chosen.size} bytes; the limit is ${serving.maxImageBytes}`);
  }

  // A dial that nobody turned leaves the effort to the server: its steps may not hit it.
  const query = new URLSearchParams({ model: serving?.model.name ?? '', include_plan: true, ...(turned && { effort: byId('dial').value }) });
  const response = await fetch(`v1/classify?${query}`, {
    method: 'POST',
    body: chosen,
    headers: { 'Content-Type': chosen.type.startsWith('image/') ? chosen.type : 'application/octet-stream' },
    signal,
  });
  if (response.ok) {
    return response.json();
  }

  const problem = await response.json().catch(() => null);
  throw new Error(problem?.detail ?? `The server answered ${response.status}.`);
};

const busy = value => {
  byId('answer').setAttribute('aria-busy', value);
  byId('plan-area').setAttribute('aria-busy', value);
};

const refuse = message => {
  byId('problem').textContent = message;
  byId('problem').hidden = false;
  byId('answer').hidden = true;
  byId('plan-area').hidden = true;
  byId('answer-text').textContent = '';
};

const show = reply => {
  byId('problem').hidden = true;
  const [first] = reply.predictions;
  const { blocks, effort: used, ...bill } = reply.compute;
  const run = blocks.filter(block => block.executed).length;
  byId('answer-text').textContent = `${first.label}, ${percent(first.probability)} sure. ${run} of ${blocks.length} blocks ran at effort ${effort(used)}.`;
  byId('predictions').replaceChildren(...reply.predictions.map(prediction => {
    const item = element('li', '', '', element('span', 'label', prediction.label), bar(prediction.probability), element('span', 'share', percent(prediction.probability)));
    item.dataset.index = prediction.index;
    return item;
  }));

  // 64-bit numbers are texts in gRPC's JSON.
  const planned = Number(bill.plannedFlops);
  const dense = Number(bill.denseFlops);
  figure('bill-planned', planned, flops);
  figure('bill-dense', dense, flops);
  figure('bill-share', planned / dense, percent);
  figure('bill-execute', Number(bill.executeUs) / 1e3, number);
  figure('bill-queue', Number(bill.queueUs) / 1e3, number);
  byId('bill-planned').title = `${count(planned)} FLOPs, ${count(Number(bill.gateFlops))} of them gates`;
  drawPlan(blocks);
  byId('answer').hidden = false;
  byId('plan-area').hidden = false;
};
