// Works out what the page shows of the last minute from what GET live/figures returned each second: counts since the server started.

const seconds = 60;

/** Adds an answer to those before it, and lets go of what is older than the window. A server that has started anew begins a new window. */
export const keep = (answers, answer) => {
  const before = answers.at(-1)?.time <= answer.time ? answers : [];
  return [...before.filter(old => answer.time - old.time < seconds + 0.5), answer];
};

/** What the page shows of answers, oldest first, at least one. */
export const readWindow = answers => {
  const [first, last] = [answers[0], answers.at(-1)];
  const span = last.time - first.time;
  return {
    state: last.state,
    windowSeconds: span,
    maxImageBytes: last.maxImageBytes,
    unknownModel: statuses(last.unknownModel, first.unknownModel),
    models: last.models.map(model => {
      const window = since(model, first);
      return {
        ...model,
        imagesPerSecond: span > 0 ? window.count.images / span : 0,
        latency: latency(window.durations),
        count: window.count,
        total: since(model, null).count,
        requests: window.requests,
        blocks: window.blocks,
        shares: window.shares,
        history: answers.slice(1).map((answer, i) => second(model.name, answers[i], answer)),
      };
    }),
  };
};

// One second: what was counted from an answer to the next.
const second = (name, before, after) => {
  const model = after.models.find(some => some.name === name);
  if (!model) {
    return { imagesPerSecond: 0, p95: null };
  }

  const counted = since(model, before);
  return { imagesPerSecond: counted.count.images / (after.time - before.time), p95: quantile(counted.durations, 0.95) };
};

// What was counted of a model since an earlier answer, which may not know it; all that was counted where there is none.
const since = (model, earlier) => {
  const before = earlier?.models.find(some => some.name === model.name);
  const shares = model.counts.shares.map((images, step) => images - (before?.counts.shares[step] ?? 0));
  const denseFlops = model.counts.denseFlops - (before?.counts.denseFlops ?? 0);
  const plannedFlops = model.counts.plannedFlops - (before?.counts.plannedFlops ?? 0);
  const old = new Map(before?.counts.durations.map(some => [some.milliseconds, some.count]));
  return {
    count: { images: shares.reduce((sum, images) => sum + images, 0), denseFlops, plannedFlops, saved: denseFlops > 0 ? 1 - plannedFlops / denseFlops : null },
    shares,
    durations: model.counts.durations.map(({ milliseconds, count }) => ({ milliseconds, count: count - (old.get(milliseconds) ?? 0) })),
    requests: statuses(model.counts.requests, before?.counts.requests ?? {}),
    blocks: model.blocks.map((block, i) => {
      const executions = block.executions - (before?.blocks[i]?.executions ?? 0);
      const channels = block.channelsRun - (before?.blocks[i]?.channelsRun ?? 0);
      return { channels: block.channels, executions, skips: block.skips - (before?.blocks[i]?.skips ?? 0), meanChannels: executions > 0 ? channels / executions : null };
    }),
  };
};

const statuses = (now, before) => Object.fromEntries(Object.entries(now)
  .map(([status, requests]) => [status, requests - (before[status] ?? 0)])
  .filter(([, requests]) => requests > 0)
  .sort(([a], [b]) => a < b ? -1 : 1));

const latency = durations => {
  const p50 = quantile(durations, 0.5);
  return p50 === null ? null : { p50, p95: quantile(durations, 0.95), p99: quantile(durations, 0.99) };
};

// By nearest rank; null where nothing was counted.
const quantile = (durations, share) => {
  let rank = Math.ceil(share * durations.reduce((sum, { count }) => sum + count, 0));
  for (const { milliseconds, count } of durations) {
    rank -= count;
    if (count > 0 && rank <= 0) {
      return milliseconds;
    }
  }

  return null;
};
