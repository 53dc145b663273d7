// A pretended appliance: the admin API over a pretended site, with jobs that advance. It serves dist/ under the real
// content security policy, so that whatever the policy forbids is seen here and not at a customer's.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { makeMenus, makePlaces, menuRoutes } from './menus.mjs';
import { makeAudit, pageOf, recordRoutes, withoutContents } from './records.mjs';
import { ago, makeWorld, newId, plainMaster } from './world.mjs';

/** @typedef {import('../page/api/types').Job} Job */
/** @typedef {import('../page/api/types').JobMachine} JobMachine */
/** @typedef {import('../page/api/types').Machine} Machine */
/** @typedef {import('../page/api/types').NewJob} NewJob */
/** @typedef {{ job: Job, machines: JobMachine[] }} Detail */
/** @typedef {import('node:http').ServerResponse} Answer */

const dist = new URL('../dist/', import.meta.url);
const TYPES = /** @type {Record<string, string>} */ ({ html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' });
const CODE = 'demo-code-1234';
const STATES = /** @type {const} */ (['running', 'waiting', 'queued', 'failed', 'cancelled', 'done']);

/** The real policy, from the crate that the appliance takes it from. */
async function policy() {
  const source = await readFile(new URL('../src/lib.rs', import.meta.url), 'utf8');
  const text = /CONTENT_SECURITY_POLICY: &str = "([^"]*)"/.exec(source)?.[1];
  if (text === undefined) throw new Error('src/lib.rs has no CONTENT_SECURITY_POLICY');
  return text.replace(/\\\s+/g, '');
}

/**
 * Starts one. `tick`: milliseconds between two steps of the pretended work; 0 lets nothing move but by `advance`.
 * @param {{ port?: number, scene?: string, tick?: number, loggedIn?: boolean }} wish
 */
export async function startAppliance({ port = 0, scene = 'school', tick = 500, loggedIn = false }) {
  const csp = await policy();
  const world = makeWorld(scene);
  let needsFirst = scene === 'first-run';
  let session = loggedIn;
  let sequence = 0;
  /** @type {{ id: number, text: string }[]} */
  const kept = [];
  /** @type {Set<Answer>} */
  const followers = new Set();
  /** @type {(() => void)[]} Who waits for the first browser that follows. */
  const waiting = [];
  /** @type {Detail[]} */
  const jobs = [];
  /** @type {Map<string, string>} */
  const created = new Map();
  /** @type {{ method: string, path: string, body: any }[]} */
  const calls = [];

  /** @param {string} kind @param {unknown} data @param {boolean} [keep] */
  const publish = (kind, data, keep = true) => {
    const id = keep ? `id: ${++sequence}\n` : '';
    const text = `${id}event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
    if (keep) kept.push({ id: sequence, text });
    for (const follower of followers) follower.write(text);
  };

  /** @param {Detail} detail */
  const count = (detail) => {
    const counts = { total: detail.machines.length, queued: 0, waiting: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
    for (const row of detail.machines) counts[row.state] += 1;
    detail.job.counts = counts;
    detail.job.state = STATES.find((state) => counts[state] > 0) ?? 'done';
  };

  /** @param {Detail} detail @param {JobMachine} row @param {Partial<JobMachine>} change */
  const changeRow = (detail, row, change) => {
    const before = row.state;
    Object.assign(row, change);
    publish('job-machine', row, row.state !== before);
    if (row.state === before) return;
    count(detail);
    publish('job', detail.job);
    const machine = world.machines.find((each) => each.id === row.machine);
    if (machine === undefined) return;
    const over = ['done', 'failed', 'cancelled'].includes(row.state);
    machine.job = over ? null : { id: detail.job.id, title: detail.job.title, state: row.state };
    publish('machine', withoutContents(machine));
  };

  /** @param {Pick<NewJob, 'title' | 'machines' | 'steps'>} wish @returns {Detail} */
  const addJob = ({ title, machines, steps }) => {
    const first = steps[0];
    const words = first?.kind === 'restore' ? `Restaurer ${first.master.name}@${first.master.version ?? 1}` : first?.kind === 'capture' ? `Capturer ${first.master}` : 'Tâche';
    /** @type {Detail} */
    const detail = {
      job: { id: newId(), title: title ?? words, steps, state: 'queued', counts: { total: 0, queued: 0, waiting: 0, running: 0, done: 0, failed: 0, cancelled: 0 }, created_at: ago(0), created_by: 'technicienne', schedule: {} },
      machines: [],
    };
    detail.machines = (machines ?? []).map((id) => ({
      job: detail.job.id,
      machine: id,
      machine_label: world.machines.find((each) => each.id === id)?.label ?? id,
      state: 'queued',
      step_index: 0,
      progress: null,
      problem: null,
      choice: null,
      disk: null,
      cancel_requested: false,
      results: [],
      has_evidence: false,
      started_at: null,
      ended_at: null,
    }));
    count(detail);
    jobs.unshift(detail);
    for (const row of detail.machines) {
      const machine = world.machines.find((each) => each.id === row.machine);
      if (machine !== undefined) machine.job ??= { id: detail.job.id, title: detail.job.title, state: row.state };
    }
    publish('job', detail.job);
    audit.note('create', 'job', detail.job.id, null, { title: detail.job.title, machines: detail.machines.length });
    return detail;
  };

  /** What a restore in the mock says that it will do. */
  const ESTIMATE = { bytes_used: 31_400_000_000, bytes_written: 31_400_000_000, bytes_copied: 0, bytes_fetched: 14_200_000_000 };
  const PHASES = ['comparing', 'fetching', 'writing', 'checking'];
  /** One step of the pretended work. */
  const advance = () => {
    for (const detail of jobs) {
      for (const row of detail.machines) {
        const machine = world.machines.find((each) => each.id === row.machine);
        const step = detail.job.steps[row.step_index];
        if (row.state === 'queued' && machine?.connected === true) changeRow(detail, row, { state: 'running', started_at: ago(0) });
        if (row.state !== 'running' || step === undefined) continue;
        const total = 31_400_000_000;
        const done = Math.min((row.progress?.bytes_done ?? 0) + total / 40, total);
        if (done < total && (step.kind === 'restore' || step.kind === 'capture')) {
          const phase = step.kind === 'capture' ? 'reading' : (PHASES[Math.floor((done / total) * 4)] ?? 'checking');
          changeRow(detail, row, { progress: { phase, bytes_done: Math.round(done), bytes_total: total, bytes_per_second: 104_000_000, seconds_left: Math.round((total - done) / 104_000_000), estimate: step.kind === 'restore' ? ESTIMATE : null } });
        } else if (row.step_index + 1 < detail.job.steps.length) {
          changeRow(detail, row, { step_index: row.step_index + 1, progress: null, results: [...row.results, result(1)] });
        } else {
          if (step.kind === 'capture') {
            const name = step.master;
            const found = world.masters.find((each) => each.name === name);
            const pattern = world.masters[0]?.versions[0];
            const version = { name, version: (found?.versions[0]?.version ?? 0) + 1, created_at: ago(0), bytes_disk: 240e9, bytes_smallest_target: 239e9, bytes_used: 31.4e9, damaged: null, notes: [], sector_size: 512, scheme: 'gpt', partitions: pattern?.partitions ?? [] };
            if (found === undefined) world.masters.push({ ...plainMaster(name), versions: [version] });
            else found.versions.unshift(version);
            publish('master', world.masters.find((each) => each.name === name));
          }
          changeRow(detail, row, { state: 'done', step_index: row.step_index + 1, progress: null, results: [...row.results, result(1)], ended_at: ago(0) });
        }
      }
    }
  };
  const timer = tick > 0 ? setInterval(advance, tick) : undefined;

  /** @param {Answer} answer @param {number} status @param {unknown} [body] */
  const send = (answer, status, body) => {
    const problem = status >= 400;
    answer.writeHead(status, { 'Content-Type': problem ? 'application/problem+json' : 'application/json', 'Cache-Control': 'no-store' });
    answer.end(body === undefined ? undefined : JSON.stringify(body));
  };
  /** @param {Answer} answer @param {number} status @param {string} code @param {string} title */
  const refuse = (answer, status, code, title) => send(answer, status, { code, title, remedy: 'see the list', status });

  const audit = makeAudit(send);
  const tools = { send, refuse, publish, note: audit.note };
  const person = () => ({ user: '0193a5c2-0000-7000-8000-000000000001', name: 'technicienne', permissions: [], permissions_everywhere: [], has_second_factor: false, language: world.settings.language, expires_at: ago(-3_600_000) });

  /** @type {[string, RegExp, (answer: Answer, match: string[], query: URLSearchParams, body: any, headers: import('node:http').IncomingHttpHeaders) => void][]} */
  const routes = [
    ['GET', /^\/setup$/, (answer) => send(answer, 200, { needs_first_administrator: needsFirst, language: world.settings.language })],
    ['POST', /^\/setup$/, (answer, _m, _q, body) => {
      if (body.code !== CODE) return refuse(answer, 403, 'wrong-setup-code', 'the one-time code is wrong');
      needsFirst = false;
      session = true;
      return send(answer, 201, person());
    }],
    ['POST', /^\/sessions$/, (answer, _m, _q, body) => {
      if (body.password !== 'correct horse battery') return refuse(answer, 401, 'wrong-name-or-password', 'name or password is wrong');
      session = true;
      return send(answer, 201, person());
    }],
    ['GET', /^\/session$/, (answer) => send(answer, 200, person())],
    ['DELETE', /^\/session$/, (answer) => {
      session = false;
      send(answer, 204);
    }],
    ...recordRoutes(world, tools),
    ...audit.routes,
    ...menuRoutes(makePlaces(), makeMenus(), tools),
    ['GET', /^\/masters$/, (answer) => send(answer, 200, { items: world.masters })],
    ['DELETE', /^\/masters\/([^/]+)\/versions\/(\d+)$/, (answer, [name, version]) => {
      const found = world.masters.find((each) => each.name === decodeURIComponent(name ?? ''));
      if (found === undefined) return refuse(answer, 404, 'not-found', `there is no master ${name}`);
      found.versions = found.versions.filter((each) => String(each.version) !== version);
      publish('master', found);
      return send(answer, 204);
    }],
    ['GET', /^\/jobs$/, (answer, _m, query) => send(answer, 200, pageOf(jobs.filter(({ job, machines }) => (query.get('state') ?? job.state) === job.state && (query.get('machine') === null || machines.some((row) => row.machine === query.get('machine')))).map(({ job }) => job), query))],
    ['POST', /^\/jobs$/, (answer, _m, _q, body, headers) => {
      const key = String(headers['idempotency-key'] ?? '');
      const known = jobs.find(({ job }) => job.id === created.get(key));
      const detail = known ?? addJob(body);
      created.set(key, detail.job.id);
      send(answer, 201, detail);
    }],
    ['POST', /^\/jobs\/preflight$/, (answer, _m, _q, body) => send(answer, 200, {
      count: body.machines.length,
      steps: body.steps,
      remarks: [],
      begins_at: body.schedule?.not_before ?? null,
      machines: body.machines.map((/** @type {string} */ id) => ({ machine: id, label: world.machines.find((each) => each.id === id)?.label ?? id, remarks: preflightRemarks(world.machines.find((each) => each.id === id)) })),
    })],
    ['GET', /^\/jobs\/([^/]+)\/machines\/([^/]+)\/journal$/, (answer, [id, machine]) => {
      const row = jobs.find(({ job }) => job.id === id)?.machines.find((each) => each.machine === machine);
      if (row === undefined) return refuse(answer, 404, 'not-found', 'there is no such row');
      const items = [{ at: ago(400_000), kind: 'created' }, { at: ago(360_000), kind: 'given', step_index: 0 }, { at: ago(355_000), kind: 'writing', step_index: 0, disk: world.machines[1]?.facts.disks[0]?.identity }];
      return send(answer, 200, { items: ['failed', 'done', 'waiting'].includes(row.state) ? [...items, { at: ago(20_000), kind: row.state, problem: row.problem }] : items });
    }],
    ['GET', /^\/jobs\/([^/]+)$/, (answer, [id]) => {
      const found = jobs.find(({ job }) => job.id === id);
      if (found === undefined) return refuse(answer, 404, 'not-found', `there is no job ${id}`);
      return send(answer, 200, found);
    }],
    ['POST', /^\/jobs\/([^/]+)\/(cancel|retry)$/, (answer, [id, verb], _q, body) => {
      const found = jobs.find(({ job }) => job.id === id);
      if (found === undefined) return refuse(answer, 404, 'not-found', `there is no job ${id}`);
      for (const row of found.machines) {
        const over = ['done', 'failed', 'cancelled'].includes(row.state);
        const meant = (body.machines ?? [row.machine]).includes(row.machine);
        if (verb === 'cancel' && !over) changeRow(found, row, { state: 'cancelled', problem: { code: 'cancelled', title: 'technicienne took it back', remedy: '' } });
        if (verb === 'retry' && meant && row.state === 'failed') changeRow(found, row, { state: 'queued', step_index: 0, problem: null, progress: null });
      }
      return send(answer, 200, found);
    }],
    ['POST', /^\/jobs\/([^/]+)\/machines\/([^/]+)\/disk$/, (answer, [id, machine], _q, body) => {
      const found = jobs.find(({ job }) => job.id === id);
      const row = found?.machines.find((each) => each.machine === machine);
      if (found === undefined || row === undefined) return refuse(answer, 404, 'not-found', 'there is no such row');
      changeRow(found, row, { state: 'running', disk: body.disk, choice: null, problem: null });
      return send(answer, 200, row);
    }],
    ['GET', /^\/jobs\/([^/]+)\/machines\/([^/]+)\/evidence$/, (answer) => send(answer, 200, EVIDENCE)],
    ['GET', /^\/settings$/, (answer) => send(answer, 200, world.settings)],
    ['PUT', /^\/settings$/, (answer, _m, _q, body) => {
      Object.assign(world.settings, body);
      publish('settings', world.settings);
      send(answer, 200, world.settings);
    }],
    ['GET', /^\/server$/, (answer) => send(answer, 200, {
      version: '0.1.0',
      started_at: ago(3 * 3_600_000),
      now: ago(0),
      interfaces: [{ name: 'ens18', addresses: ['10.12.4.2'] }],
      data: { bytes_total: 1_960_000_000_000, bytes_free: 1_310_000_000_000 },
      ca_fingerprint: '3f'.repeat(8) + '9ab0c4d2'.repeat(6),
      warnings: [],
    })],
  ];

  const server = createServer(async (request, answer) => {
    const url = new URL(request.url ?? '/', 'http://mock');
    if (!url.pathname.startsWith('/api/v1/')) return serveFile(url.pathname, answer);
    const path = url.pathname.slice('/api/v1'.length);
    const open = /^\/(setup|sessions)$/.test(path);
    if (!open && !session) return refuse(answer, 401, 'not-logged-in', 'nobody is logged in');
    if (path === '/events') {
      answer.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      answer.write('event: ready\ndata: {}\n\n');
      const last = Number(request.headers['last-event-id'] ?? sequence);
      for (const event of kept) if (event.id > last) answer.write(event.text);
      followers.add(answer);
      for (const tell of waiting.splice(0)) tell();
      request.on('close', () => followers.delete(answer));
      return undefined;
    }
    let text = '';
    for await (const piece of request) text += piece;
    const body = text === '' ? {} : JSON.parse(text);
    if (request.method !== 'GET' && request.headers['content-type'] !== 'application/json') return refuse(answer, 415, 'not-json', 'this wants JSON');
    calls.push({ method: request.method ?? '', path, body });
    for (const [method, shape, handle] of routes) {
      const match = method === request.method ? shape.exec(path) : null;
      if (match !== null) return handle(answer, match.slice(1), url.searchParams, body, request.headers);
    }
    return refuse(answer, 404, 'no-such-address', 'nothing answers at this address');
  });

  /** @param {string} path @param {Answer} answer */
  async function serveFile(path, answer) {
    const name = /^\/(assets\/[\w.-]+|[\w-]+\.svg)$/.test(path) ? path.slice(1) : 'index.html';
    try {
      const bytes = await readFile(new URL(name, dist));
      answer.writeHead(200, { 'Content-Type': TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream', 'Content-Security-Policy': csp, 'X-Content-Type-Options': 'nosniff' });
      answer.end(bytes);
    } catch {
      answer.writeHead(404);
      answer.end('run npm run build first');
    }
  }

  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}`,
    code: CODE,
    world,
    note: audit.note,
    jobs,
    calls,
    addJob,
    changeRow,
    publish,
    advance,
    /** Browsers that follow the live events. */
    followers: () => followers.size,
    /** Waits for a browser to follow: what is published before is nobody's news. */
    followed: () => (followers.size > 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(() => resolve(undefined)))),
    /** Ends the session, as the appliance does after a while. */
    endSession: () => {
      session = false;
    },
    /** Cuts every live stream. */
    cut: () => {
      for (const follower of followers) follower.destroy();
    },
    stop: () => {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What only the appliance knows. @param {Machine | undefined} machine */
const preflightRemarks = (machine) =>
  machine?.facts.disks.some((disk) => disk.contents?.includes('hibernated') === true) === true
    ? [{ weight: 'warning', problem: { code: 'hibernated', title: 'a hibernated Windows on partition 3 is overwritten', remedy: 'start it and shut it down first' } }]
    : [];

/** @param {number} version */
const result = (version) => ({ version, bytes_disk: 256e9, bytes_used: 31.4e9, bytes_read: 31.4e9, bytes_new: 2.1e9, bytes_stored: 0.9e9, bytes_sent: 14.2e9, bytes_written: 31.4e9, bytes_memory: 96_000_000, chunks: 31000, chunks_new: 2100, seconds: 341, notes: ['the backup partition table was moved to the end of the larger disk'] });

const EVIDENCE = {
  screen: 'amorce: ready (MAC 54:bf:64:0a:1c:05)\namorce: Restaurer Debian 12 salle info@3\namorce: failed: reading sector 88412160 of sda: Input/output error',
  log: '08:14:02 step 1 of 2: restore\n08:14:03 target sda, 500 GB, serial Z3T1\n08:15:44 write failed at byte 45267025920: Input/output error',
  dmesg: '[  101.774] ata1.00: exception Emask 0x0 SAct 0x40 SErr 0x0 action 0x0\n[  101.774] ata1.00: failed command: WRITE FPDMA QUEUED\n[  101.775] blk_update_request: I/O error, dev sda, sector 88412160',
  smart: '',
};
