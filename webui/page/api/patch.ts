/** Live events into the query cache: what is shown changes where it stands, and nothing polls. */
import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import type { LiveEvent } from './event-stream';
import { jobQuery, machineQuery, mastersQuery, recentJobsQuery, settingsQuery } from './queries';
import type { Job, JobDetail, JobMachine, JobPage, Machine, MachinePage, Settings } from './types';

type Patch = (client: QueryClient, data: never) => void;

/** Which event changes what. */
const PATCHES: Record<string, Patch> = {
  machine: patchMachine as Patch,
  job: patchJob as Patch,
  'job-machine': patchJobMachine as Patch,
  master: (client) => void client.invalidateQueries({ queryKey: mastersQuery.queryKey }),
  settings: ((client: QueryClient, settings: Settings) => {
    client.setQueryData(settingsQuery.queryKey, settings);
  }) as Patch,
};

/** Puts one event into the cache. `reset`, and what this page does not know, may concern anything: all is asked again. */
export function applyEvent(client: QueryClient, event: LiveEvent): void {
  const patch = PATCHES[event.kind];
  if (patch === undefined) {
    if (event.kind !== 'ready' && event.kind !== 'refusal') refreshEverything(client);
    return;
  }
  if (typeof event.data !== 'object' || event.data === null) return;
  patch(client, event.data as never);
}

/** Asks again for whatever is on the screen. */
export function refreshEverything(client: QueryClient): void {
  void client.invalidateQueries({ predicate: (query) => !['session', 'setup', 'evidence'].includes(String(query.queryKey[0])) });
}

type Pages<Page> = InfiniteData<Page, string>;

/** Replaces an item where a list shows it; says whether any list did. */
function replaceInPages<Item extends { id: string }, Page extends { items: Item[] }>(
  pages: Pages<Page> | undefined,
  item: Item,
): { pages: Pages<Page> | undefined; found: boolean } {
  if (pages === undefined) return { pages, found: false };
  let found = false;
  const replaced = pages.pages.map((page) => {
    const at = page.items.findIndex((candidate) => candidate.id === item.id);
    if (at === -1) return page;
    found = true;
    return { ...page, items: page.items.with(at, item) };
  });
  return { pages: found ? { ...pages, pages: replaced } : pages, found };
}

function patchMachine(client: QueryClient, machine: Machine): void {
  // Lists and events leave out what is on the disks; what the machine's own page has of it is kept.
  client.setQueryData(machineQuery(machine.id).queryKey, (old) => (old === undefined ? undefined : keepContents(old, machine)));
  void client.invalidateQueries({ queryKey: machineQuery(machine.id).queryKey });
  patchLists<Machine, MachinePage>(client, 'machines', machine);
  for (const list of ['boots', 'history']) void client.invalidateQueries({ queryKey: [list, machine.id] });
  void client.invalidateQueries({ queryKey: ['machine-count'] });
}

function keepContents(old: Machine, next: Machine): Machine {
  const disks = next.facts.disks.map((disk) => {
    const before = old.facts.disks.find((candidate) => candidate.name === disk.name);
    return disk.contents === undefined || disk.contents === null ? { ...disk, contents: before?.contents } : disk;
  });
  return { ...next, facts: { ...next.facts, disks } };
}

function patchJob(client: QueryClient, job: Job): void {
  client.setQueryData(jobQuery(job.id).queryKey, (old) => (old === undefined ? undefined : { ...old, job }));
  patchLists<Job, JobPage>(client, 'jobs', job);
  void client.invalidateQueries({ queryKey: recentJobsQuery.queryKey });
}

function patchLists<Item extends { id: string }, Page extends { items: Item[] }>(
  client: QueryClient,
  list: string,
  item: Item,
): void {
  for (const query of client.getQueryCache().findAll({ queryKey: [list] })) {
    const key = query.queryKey;
    const { pages, found } = replaceInPages<Item, Page>(client.getQueryData<Pages<Page>>(key), item);
    const filtered = typeof key[1] === 'string' && key[1] !== '';
    if (found) client.setQueryData(key, pages);
    // A new item may belong into this list, and a changed one may have left a filtered list: the appliance knows.
    if (!found || filtered) void client.invalidateQueries({ queryKey: key, exact: true });
  }
}

function patchJobMachine(client: QueryClient, row: JobMachine): void {
  client.setQueryData(jobQuery(row.job).queryKey, (old: JobDetail | undefined) => {
    if (old === undefined) return undefined;
    const at = old.machines.findIndex((candidate) => candidate.machine === row.machine);
    return at === -1 ? old : { ...old, machines: old.machines.with(at, row) };
  });
}
