// The pretended appliance's records: machines in pages, from tables, merged and split; boots, history, the audit.
import { ago } from './world.mjs';

/** @typedef {import('../page/api/types').Machine} Machine */
/** @typedef {import('../page/api/types').AuditEntry} AuditEntry */
/** @typedef {import('node:http').ServerResponse} Answer */
/** @typedef {[string, RegExp, (answer: Answer, match: string[], query: URLSearchParams, body: any, headers: import('node:http').IncomingHttpHeaders) => void]} Route */
/** @typedef {{ machines: Machine[] }} World */
/** @typedef {{ send: (answer: Answer, status: number, body?: unknown) => void, refuse: (answer: Answer, status: number, code: string, title: string) => void, publish: (kind: string, data: unknown, keep?: boolean) => void, note: (verb: string, object: string, id: string, before?: unknown, after?: unknown) => void }} Tools */

/** @param {Machine} machine */
export const withoutContents = (machine) => ({ ...machine, facts: { ...machine.facts, disks: machine.facts.disks.map((disk) => ({ ...disk, contents: null })) } });

/** @type {Record<string, (machine: Machine) => boolean>} */
const TRUE_OF = {
  connected: (machine) => machine.connected,
  'in-job': (machine) => machine.job !== null && machine.job !== undefined,
  unnamed: (machine) => (machine.name ?? '') === '',
  'not-inventoried': (machine) => machine.inventoried_at === null,
  'nothing-bootable': (machine) => machine.nothing_bootable,
  warned: (machine) => machine.warnings.length + machine.facts.warnings.length > 0,
  quarantined: (machine) => machine.quarantined,
};

/** @param {World} world @param {URLSearchParams} query */
export function narrowed(world, query) {
  const words = (query.get('q') ?? '').toLowerCase().split(/\s+/);
  const traits = (query.get('is') ?? '').split(',').filter((each) => each !== '');
  const firmware = query.get('firmware');
  const before = query.get('seen_before');
  const found = world.machines.filter((machine) => {
    const text = [machine.label, machine.note, ...machine.macs, machine.facts.smbios.serial, machine.facts.smbios.product].join(' ').toLowerCase();
    return (
      words.every((word) => text.includes(word)) &&
      traits.every((trait) => TRUE_OF[trait]?.(machine) === true) &&
      // Here the machines of the room S204 are known by their names.
      (query.get('place') !== 'p-s204' || machine.label.startsWith('S204')) &&
      (firmware === null || machine.facts.firmware === firmware) &&
      (before === null || (machine.last_seen_at ?? '') < before)
    );
  });
  return query.get('sort') === 'name' ? found.sort((left, right) => left.label.localeCompare(right.label)) : found;
}

/** @template Item @param {Item[]} items @param {URLSearchParams} query */
export function pageOf(items, query) {
  const [limit, after] = [Number(query.get('limit') ?? 50), Number(query.get('after') ?? 0)];
  const next = after + limit < items.length ? String(after + limit) : null;
  return { items: items.slice(after, after + limit), next, total: items.length };
}

/** @param {World} world @param {Tools} tools @returns {Route[]} */
export function recordRoutes(world, { send, refuse, publish, note }) {
  /** @param {string | undefined} id */
  const find = (id) => world.machines.find((each) => each.id === id);
  /** @param {Answer} answer @param {Machine} machine @param {import('node:http').IncomingHttpHeaders} headers */
  const conflicts = (answer, machine, headers) => {
    const tag = headers['if-match'];
    if (tag === undefined || tag === `"${machine.revision}"`) return false;
    refuse(answer, 412, 'changed-meanwhile', 'somebody else changed it');
    return true;
  };
  /** @param {any} body */
  const names = (body) =>
    body.machines.map((/** @type {string} */ id, /** @type {number} */ index) => {
      const machine = find(id);
      const number = (body.start ?? 1) + index;
      const name = String(body.pattern)
        .replace(/\{(n+)\}/g, (_, digits) => String(number).padStart(digits.length, '0'))
        .replace('{serial}', machine?.facts.smbios.serial ?? '')
        .replace('{mac}', (machine?.macs[0] ?? '').replaceAll(':', ''))
        .replace('{product}', (machine?.facts.smbios.product ?? '').replaceAll(' ', '-'));
      const taken = world.machines.some((other) => other.name === name && !body.machines.includes(other.id));
      return { machine: id, label: machine?.label ?? id, name, problem: taken ? `another machine is called ${name}` : null };
    });
  return [
    ['GET', /^\/machines$/, (answer, _m, query) => {
      const page = pageOf(narrowed(world, query), query);
      send(answer, 200, { ...page, items: page.items.map(withoutContents) });
    }],
    ['GET', /^\/machines\/export$/, (answer, _m, query) => {
      answer.writeHead(200, { 'Content-Type': 'text/csv; charset=utf-8', 'Content-Disposition': 'attachment; filename="machines.csv"' });
      answer.end(['name,macs', ...narrowed(world, query).map((each) => `${each.name ?? ''},${each.macs.join(' ')}`)].join('\r\n'));
    }],
    ['POST', /^\/machines\/names$/, (answer, _m, _q, body) => {
      const items = names(body);
      if (body.rehearse !== true) {
        if (items.some((/** @type {any} */ row) => row.problem !== null)) return refuse(answer, 409, 'names-refused', 'a name is taken');
        for (const row of items) {
          const machine = find(row.machine);
          if (machine !== undefined) Object.assign(machine, { name: row.name, label: row.name, revision: machine.revision + 1 });
        }
      }
      return send(answer, 200, { items });
    }],
    ['POST', /^\/machines\/import$/, (answer, _m, _q, body) => send(answer, 200, imported(world, body))],
    ['GET', /^\/machines\/([^/]+)$/, (answer, [id]) => {
      const found = find(id);
      return found === undefined ? refuse(answer, 404, 'not-found', `there is no machine ${id}`) : send(answer, 200, found);
    }],
    ['PATCH', /^\/machines\/([^/]+)$/, (answer, [id], _q, body, headers) => {
      const found = find(id);
      if (found === undefined) return refuse(answer, 404, 'not-found', `there is no machine ${id}`);
      if (conflicts(answer, found, headers)) return undefined;
      const before = { name: found.name, note: found.note, quarantined: found.quarantined };
      if (typeof body.name === 'string') Object.assign(found, body.name === '' ? { name: null, label: found.macs[0] } : { name: body.name, label: body.name });
      if (typeof body.note === 'string') found.note = body.note;
      if (typeof body.quarantined === 'boolean') found.quarantined = body.quarantined;
      found.revision += 1;
      note('edit', 'machine', found.id, before, { name: found.name, note: found.note, quarantined: found.quarantined });
      publish('machine', withoutContents(found));
      return send(answer, 200, found);
    }],
    ['DELETE', /^\/machines\/([^/]+)$/, (answer, [id]) => {
      const found = find(id);
      if (found === undefined) return refuse(answer, 404, 'not-found', `there is no machine ${id}`);
      if (found.name !== null) return refuse(answer, 409, 'machine-has-jobs', 'jobs name this machine');
      world.machines.splice(world.machines.indexOf(found), 1);
      note('delete', 'machine', found.id, { label: found.label });
      return send(answer, 204);
    }],
    ['POST', /^\/machines\/([^/]+)\/merge$/, (answer, [id], _q, body, headers) => {
      const [found, other] = [find(id), find(body.other)];
      if (found === undefined || other === undefined) return refuse(answer, 404, 'not-found', 'there is no such machine');
      if (conflicts(answer, found, headers)) return undefined;
      found.macs.push(...other.macs);
      found.revision += 1;
      world.machines.splice(world.machines.indexOf(other), 1);
      note('merge', 'machine', found.id, { label: other.label }, { label: found.label });
      return send(answer, 200, found);
    }],
    ['POST', /^\/machines\/([^/]+)\/split$/, (answer, [id], _q, body) => {
      const found = find(id);
      if (found === undefined) return refuse(answer, 404, 'not-found', 'there is no such machine');
      found.macs = found.macs.filter((mac) => !body.macs.includes(mac));
      const fresh = { ...structuredClone(found), id: `${found.id}-b`, name: null, label: body.macs[0], macs: body.macs };
      world.machines.unshift(fresh);
      return send(answer, 201, fresh);
    }],
    ['POST', /^\/machines\/([^/]+)\/wake$/, (answer, [id]) => (find(id) === undefined ? refuse(answer, 404, 'not-found', 'there is no such machine') : send(answer, 200, { packets: 2 }))],
    ['GET', /^\/machines\/([^/]+)\/boots$/, (answer, [id]) => send(answer, 200, { items: boots(find(id)) })],
    ['GET', /^\/machines\/([^/]+)\/history$/, (answer, [id], query) => send(answer, 200, pageOf(history(find(id)), query))],
  ];
}

/** A table is read by the appliance; here every line is new but the third, which cannot be used. @param {World} world @param {any} body */
function imported(world, body) {
  const text = Buffer.from(body.content, 'base64').toString('utf8');
  const [head = '', ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
  const separator = head.includes(';') ? ';' : ',';
  const guess = /** @type {Record<string, string>} */ ({ nom: 'name', poste: 'name', mac: 'macs', 'adresse mac': 'macs', 'n° de série': 'serial', serial: 'serial' });
  const columns = body.columns?.length > 0 ? body.columns : head.split(separator).map((header) => ({ header, field: guess[header.toLowerCase()] ?? null }));
  const nameAt = columns.findIndex((/** @type {any} */ column) => column.field === 'name');
  const macAt = columns.findIndex((/** @type {any} */ column) => column.field === 'macs');
  const rows = lines.map((line, index) => {
    const cells = line.split(separator);
    const isWrong = macAt !== -1 && !/^[0-9a-f:-]{12,17}$/i.test(cells[macAt] ?? '');
    const known = world.machines.find((machine) => machine.macs.includes((cells[macAt] ?? '').toLowerCase()));
    return {
      line: index + 2,
      action: isWrong ? 'refuse' : known === undefined ? 'create' : 'update',
      label: cells[nameAt] ?? '',
      machine: known?.id ?? null,
      problems: isWrong ? [{ column: columns[macAt]?.header, title: `"${cells[macAt] ?? ''}" is no network address`, remedy: 'write six pairs of hexadecimal digits' }] : [],
    };
  });
  /** @param {string} action */
  const count = (action) => rows.filter((row) => row.action === action).length;
  const applied = body.rehearse !== true && (count('refuse') === 0 || body.leave_out_refused === true);
  return { applied, columns, created: count('create'), updated: count('update'), kept: 0, refused: count('refuse'), rows, key: body.key ?? 'macs', encoding: body.encoding ?? 'windows-1252' };
}

/** @param {Machine | undefined} machine */
function boots(machine) {
  if (machine === undefined || machine.name === null) return [];
  const begun = Date.parse(machine.last_seen_at ?? ago(0));
  /** @param {number} seconds */
  const at = (seconds) => new Date(begun + seconds * 1000).toISOString();
  const mac = machine.macs[0] ?? '';
  return [
    {
      begun_at: at(0),
      mac,
      diagnosis: null,
      entries: [
        { at: at(0), address: null, text: 'asks by PXE, UEFI x64' },
        { at: at(0.02), address: null, text: 'is answered: shim by TFTP from 10.12.4.2' },
        { at: at(3.8), address: '10.12.4.117', text: 'reads shimx64.efi, 960 KiB' },
        { at: at(4.1), address: '10.12.4.117', text: 'reads grubx64.efi, 2.5 MiB' },
        { at: at(4.9), address: '10.12.4.117', text: 'reads its grub configuration: our agent' },
        { at: at(5.6), address: '10.12.4.117', text: 'reads vmlinuz, 8.2 MiB' },
        { at: at(7.7), address: '10.12.4.117', text: 'reads initrd, 30.1 MiB' },
        { at: at(11.3), address: '10.12.4.117', text: 'its agent opened a session' },
      ],
    },
    {
      begun_at: at(-86_400),
      mac,
      diagnosis: 'it read shim and asked for nothing more: Secure Boot may have refused grub; look at its screen',
      entries: [
        { at: at(-86_400), address: null, text: 'asks by PXE, UEFI x64' },
        { at: at(-86_396.2), address: '10.12.4.117', text: 'reads shimx64.efi, 960 KiB' },
      ],
    },
  ];
}

/** @param {Machine | undefined} machine */
function history(machine) {
  if (machine === undefined) return [];
  return [
    { seq: 3, at: ago(3_600_000), kind: 'edited', actor: 'technicienne', details: { before: { name: null, note: '' }, after: { name: machine.name, note: machine.note } } },
    { seq: 2, at: ago(86_400_000), kind: 'changed', actor: null, details: [{ what: 'memory', before: 4_107_776_000, after: machine.facts.memory }] },
    { seq: 1, at: machine.first_seen_at, kind: 'discovered', actor: null, details: { macs: machine.macs } },
  ];
}

/** The audit, kept while the mock runs. @param {(answer: Answer, status: number, body?: unknown) => void} send */
export function makeAudit(send) {
  /** @type {any[]} */
  const entries = [];
  /** @param {string} verb @param {string} object @param {string} id @param {unknown} [before] @param {unknown} [after] @param {string} [at] */
  const note = (verb, object, id, before = null, after = null, at = ago(0)) => {
    entries.unshift({ seq: entries.length + 1, at, actor: 'technicienne', peer: '10.12.4.31', verb, object, object_id: id, before, after });
  };
  /** @type {Route[]} */
  const routes = [
    ['GET', /^\/audit$/, (answer, _m, query) => {
      const found = entries.filter((entry) => {
        const text = JSON.stringify(entry).toLowerCase();
        return ['object', 'verb', 'actor'].every((name) => (query.get(name) ?? entry[name]) === entry[name]) && text.includes((query.get('q') ?? '').toLowerCase()) && entry.at >= (query.get('from') ?? '') && entry.at < (query.get('to') ?? 'z');
      });
      send(answer, 200, { ...pageOf(found, query), counted_all: true });
    }],
    ['GET', /^\/audit\/export$/, (answer) => {
      answer.writeHead(200, { 'Content-Type': 'text/csv; charset=utf-8', 'Content-Disposition': 'attachment; filename="audit.csv"' });
      answer.end('seq\r\n');
    }],
  ];
  return { note, routes };
}
