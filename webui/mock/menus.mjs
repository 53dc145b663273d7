// The pretended appliance's places and boot menus, added up as the catalog does it.
/** @typedef {import('../page/api/types').Menu} Menu */
/** @typedef {import('../page/api/types').MenuEntry} MenuEntry */
/** @typedef {import('../page/api/types').MenuOrigin} MenuOrigin */
/** @typedef {import('../page/api/types').Place} Place */
/** @typedef {import('./records.mjs').Route} Route */
/** @typedef {import('./records.mjs').Tools} Tools */

/** @param {string} id @param {Place['kind']} kind @param {string} name @param {string | null} parent @returns {Place} */
const place = (id, kind, name, parent) => ({ id, kind, name, parent, note: '', query: null, master: null, machines: 0, favourite: false });

/** The places of a site. */
export function makePlaces() {
  return [
    place('p-root', 'organisation', '', null),
    place('p-college', 'site', 'Collège des Rives', 'p-root'),
    place('p-s204', 'room', 'S204', 'p-college'),
    place('p-cdi', 'room', 'CDI', 'p-college'),
    place('p-portables', 'group', 'Portables', 'p-college'),
  ];
}

const BUILT_IN = { title: 'Amorce', timeout_seconds: 10, waits: false, hidden: false, wake_timeout_seconds: 3, language: 'fr', keyboard: 'fr', default: null, wake_default: null, serial: null };

/** @returns {Map<string, Menu>} */
export function makeMenus() {
  return new Map([
    ['p-college', /** @type {Menu} */ ({
      settings: { title: 'Collège des Rives', timeout_seconds: 8 },
      entries: [
        { key: 'agent', label: 'Agent Amorce', action: { kind: 'agent' }, hotkey: 'a' },
        { key: 'memory', label: 'Test de la mémoire', action: { kind: 'memory-test' } },
      ],
    })],
    ['p-s204', /** @type {Menu} */ ({
      settings: { title: 'Salle S204' },
      entries: [
        { key: 'reinstaller', label: 'Réinstaller « Debian 12 salle info »', action: { kind: 'job', steps: [{ kind: 'restore', master: { name: 'Debian 12 salle info', version: null }, disk: null }, { kind: 'reboot' }] }, locked: true, hotkey: 'r' },
        { key: 'secours', label: 'Système de secours', action: { kind: 'kernel', kernel: 'rescue/vmlinuz', initrd: ['rescue/initrd.img'], words: 'quiet' } },
      ],
    })],
  ]);
}

/** @param {Place[]} places @param {Map<string, Menu>} menus @param {Tools} tools @returns {Route[]} */
export function menuRoutes(places, menus, { send, refuse, note }) {
  /** @param {string} kind @param {string} id */
  const whole = (kind, id) => {
    /** @type {MenuOrigin[]} */
    const levels = kind === 'machine' ? [{ kind: 'machine', id }] : [];
    let above = kind === 'machine' ? 'p-s204' : id;
    while (above !== '') {
      levels.unshift({ kind: 'place', id: above });
      above = places.find((each) => each.id === above)?.parent ?? '';
    }
    /** @type {Record<string, unknown>} */
    const settings = { ...BUILT_IN };
    /** @type {Record<string, MenuOrigin>} */
    const from = {};
    /** @type {{ entry: MenuEntry, origin: MenuOrigin }[]} */
    let entries = [];
    for (const origin of levels) {
      const menu = menus.get('id' in origin ? origin.id : '') ?? {};
      for (const [name, value] of Object.entries(menu.settings ?? {})) {
        if (value === null) continue;
        settings[name] = value;
        from[name] = origin;
      }
      for (const entry of menu.entries ?? []) {
        const at = entries.findIndex((each) => each.entry.key === entry.key);
        if (entry.withdrawn === true) entries = entries.filter((each) => each.entry.key !== entry.key);
        else if (at === -1) entries.push({ entry, origin });
        else entries[at] = { entry, origin };
      }
    }
    if (entries.length > 0 && !entries.some(({ entry }) => entry.action.kind === 'local-disk')) {
      entries.unshift({ entry: { key: 'local-disk', label: 'Démarrer le disque de cette machine', action: { kind: 'local-disk' } }, origin: { kind: 'built-in' } });
    }
    const own = menus.get(id) ?? {};
    settings.default ??= entries.find(({ entry }) => entry.action.kind === 'local-disk')?.entry.key ?? 'local-disk';
    return { entries, settings, origins: Object.keys(settings).map((setting) => ({ setting, origin: from[setting] ?? { kind: 'built-in' } })), own: { settings: own.settings ?? {}, entries: own.entries ?? [] } };
  };
  return [
    ['GET', /^\/places$/, (answer) => send(answer, 200, { items: places })],
    ['POST', /^\/places\/([^/]+)\/machines$/, (answer, _m, _q, body) => send(answer, 200, { added: (body.add ?? []).length, removed: 0 })],
    ['GET', /^\/(places|machines)\/([^/]+)\/menu$/, (answer, [kind, id]) => send(answer, 200, whole(kind === 'machines' ? 'machine' : 'place', id ?? ''))],
    ['PUT', /^\/(places|machines)\/([^/]+)\/menu$/, (answer, [kind, id], _q, body) => {
      const keys = (body.entries ?? []).map((/** @type {MenuEntry} */ entry) => entry.key);
      if (new Set(keys).size < keys.length) return refuse(answer, 422, 'unusable-value', 'two entries have one key');
      for (const entry of body.entries ?? []) delete entry.password;
      menus.set(id ?? '', body);
      note('edit', 'menu', id ?? '');
      return send(answer, 200, whole(kind === 'machines' ? 'machine' : 'place', id ?? ''));
    }],
  ];
}
